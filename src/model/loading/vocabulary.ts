// The part of a model's vocabulary that this library uses: the markers of ChatML, and tokens that must never be
// generated.
import type { Engine } from "../../engine/engine.js";
import { unknownVocabulary } from "../../engine/remote/remote_info.js";
import type { FormatOptions, FormatVocabulary } from "../../format/conversation_format.js";

export interface Vocabulary extends FormatVocabulary {
  /** Tokens that end a turn, besides those that llama.cpp ends at. */
  readonly stopTokens: readonly number[];
  /** Padding at the end of the vocabulary, which quantized builds let slip into their output. */
  readonly bannedTokens: readonly number[];
}

/** Of an engine without a tokenizer: it has what it is said to have. */
function saidVocabulary(hasChatMl: boolean): Vocabulary {
  return {
    eosText: "",
    hasChatMl,
    hasTagTokens: false,
    hasToolsToken: false,
    isHermes2ProMistral: false,
    stopTokens: [],
    bannedTokens: [],
  };
}

/** Looks the tokens up once, when a model has been loaded. */
export async function readVocabulary(engine: Engine, { format }: Pick<FormatOptions, "format">): Promise<Vocabulary> {
  if (engine.capabilities.tokenizes === false) return saidVocabulary(format === "hermes");
  const [turnEnd, turnStart, sequenceEnd, callTag, toolsTag] = await Promise.all([
    markerToken(engine, "<|im_end|>"),
    // llama.cpp does not count it as an end of generation.
    markerToken(engine, "<|im_start|>"),
    markerToken(engine, "</s>"),
    markerToken(engine, "<tool_call>"),
    markerToken(engine, "<tools>"),
  ]);
  const { eosToken, vocabularySize } = engine.info;
  return {
    eosText: eosToken === undefined ? "" : await engine.detokenize([eosToken], { special: true }),
    hasChatMl: turnEnd !== undefined && turnStart !== undefined,
    hasTagTokens: callTag !== undefined,
    hasToolsToken: toolsTag !== undefined,
    isHermes2ProMistral: vocabularySize === 32_032 && turnEnd === 32_000 && turnStart === 32_001,
    stopTokens: [turnEnd, sequenceEnd, turnStart].filter((token) => token !== undefined),
    bannedTokens: await paddingTokens(engine),
  };
}

/** The texts of the tokens that end a turn. */
export function turnEnds(engine: Engine, { stopTokens }: Vocabulary): Promise<string[]> {
  const tokens = [...new Set([...engine.info.endOfGenerationTokens, ...stopTokens])];
  return Promise.all(tokens.map((token) => engine.detokenize([token], { special: true })));
}

/** The id of a marker that the vocabulary holds as one special token. */
export async function markerToken(engine: Engine, marker: string): Promise<number | undefined> {
  if (engine.capabilities.tokenizes === false) return undefined;
  const tokens = [...(await engine.tokenize([{ control: marker }]))];
  if (tokens.length > 1 && tokens[0] === engine.info.bosToken) tokens.shift();
  const [token] = tokens;
  if (tokens.length !== 1 || token === undefined) return undefined;
  return (await engine.detokenize([token], { special: true })) === marker ? token : undefined;
}

// `<dummy00001>` and `[PAD32002]` are what the converters write to fill a vocabulary up to the size of its matrix.
// Typed as unused, such a token has no text at all.
const paddingName = /^(<dummy\d+>|\[PAD\d+\])?$/;
const blockSize = 32;
const mostPadding = 2048;

/** Padding stands at the end of a vocabulary, so the search goes backwards until a token is something else. */
async function paddingTokens(engine: Engine): Promise<number[]> {
  const { vocabularySize } = engine.info;
  if (vocabularySize === unknownVocabulary) return [];
  const found: number[] = [];
  while (found.length < Math.min(vocabularySize, mostPadding)) {
    const last = vocabularySize - 1 - found.length;
    const block = Array.from({ length: Math.min(blockSize, last + 1) }, (_, index) => last - index);
    const names = await Promise.all(block.map((token) => engine.detokenize([token], { special: true })));
    const end = names.findIndex((name) => !paddingName.test(name));
    found.push(...block.slice(0, end === -1 ? undefined : end));
    if (end !== -1) break;
  }
  return found.reverse();
}
