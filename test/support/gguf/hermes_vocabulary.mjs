// The vocabulary of Hermes-2-Pro-Mistral-7B: Mistral's v1 pieces from mistral-tokenizer-js, two ChatML markers,
// padding.
import mistralTokenizer from "mistral-tokenizer-js";

export const IM_END = 32000;
export const IM_START = 32001;
export const VOCABULARY_SIZE = 32032;

const MISTRAL_SIZE = 32000;
const FIRST_NORMAL = 259;
const TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, byte: 6 };

/**
 * @param {"control" | "user-defined"} added how the 32 tokens beyond Mistral's are typed; published files differ in it
 * @param {readonly string[]} [markup] further markup, in the place of the first padding tokens
 * @returns {{ pieces: string[], scores: number[], types: number[] }}
 */
export function hermesVocabulary(added, markup = []) {
  /** @type {string[]} */
  const pieces = mistralTokenizer.vocabById.slice(0, MISTRAL_SIZE);
  if (pieces.length !== MISTRAL_SIZE)
    throw new Error(`Expected ${MISTRAL_SIZE} pieces from mistral-tokenizer-js but received ${pieces.length}.`);
  const scores = pieces.map(score);
  const types = pieces.map((_, id) =>
    id === 0 ? TYPE.unknown : id < 3 ? TYPE.control : id < FIRST_NORMAL ? TYPE.byte : TYPE.normal,
  );
  for (let id = MISTRAL_SIZE; id < VOCABULARY_SIZE; id++) {
    pieces.push(["<|im_end|>", "<|im_start|>", ...markup][id - MISTRAL_SIZE] ?? `<dummy${id}>`);
    scores.push(-1000);
    types.push(added === "control" ? TYPE.control : TYPE.userDefined);
  }
  return { pieces, scores, types };
}

/**
 * SentencePiece joins the pair with the highest score first. Runs of spaces alone are never joined before anything
 * else.
 */
function score(/** @type {string} */ piece, /** @type {number} */ id) {
  if (id < FIRST_NORMAL) return 0;
  return /^\u2581+$/.test(piece) ? -1e9 : -(id - FIRST_NORMAL);
}
