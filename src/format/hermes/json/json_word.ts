// What a bare word in JSON (or in a Python dict) means: a literal, a number, or nothing that can be trusted.

export interface WordValue {
  readonly value: unknown;
  /** The same value as strict JSON writes it. */
  readonly text: string;
  readonly repaired: boolean;
  /**
   * A number that does not fit: no double is so large, and no integer so long is read. Its value is its text, as a
   * string.
   */
  readonly tooLarge?: true;
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const looseNumber = /^([+-]?)((?:0|[1-9]\d*)?)(?:\.(\d*))?((?:[eE][+-]?\d+)?)$/;
const integerPattern = /^-?\d+$/;
/** Longer integers take BigInt more than linear time to read. */
const longestInteger = 4096;

const literalWords = new Map<string, WordValue>([
  ["true", { value: true, text: "true", repaired: false }],
  ["false", { value: false, text: "false", repaired: false }],
  ["null", { value: null, text: "null", repaired: false }],
  ["True", { value: true, text: "true", repaired: true }],
  ["False", { value: false, text: "false", repaired: true }],
  ["None", { value: null, text: "null", repaired: true }],
]);

/** Undefined: not a value. NaN and infinities are not. */
export function readWord(word: string): WordValue | undefined {
  const literal = literalWords.get(word);
  if (literal) return literal;
  if (jsonNumber.test(word)) return number(word, false);
  const loose = looseNumber.exec(word);
  if (!loose) return undefined;
  const [, sign, whole, fraction, exponent] = loose;
  if (!whole && !fraction) return undefined;
  return number(
    `${sign === "-" ? "-" : ""}${whole || "0"}${fraction ? `.${fraction}` : fraction === "" ? ".0" : ""}${exponent}`,
    true,
  );
}

function number(text: string, repaired: boolean): WordValue {
  const value = Number(text);
  if (integerPattern.test(text) && !Number.isSafeInteger(value)) {
    return text.length > longestInteger ? tooLarge(text) : { value: BigInt(text), text, repaired };
  }
  return Number.isFinite(value) ? { value, text, repaired } : tooLarge(text);
}

const tooLarge = (text: string): WordValue => ({
  value: text,
  text: JSON.stringify(text),
  repaired: true,
  tooLarge: true,
});

/** What is wrong with a number that does not fit, as a sentence. */
export function numberProblem(text: string): string {
  return `The number ${text.length > 40 ? `${text.slice(0, 30)}… (${text.length} characters)` : text} is too large: numbers have to be below 1.8e308.`;
}

/** Whether a bare word can stand for a key: `{name: …}`, and `{1: …}` as Python writes it. */
export function isBareKey(word: string): boolean {
  return /^(?:[A-Za-z_$][\w$-]*|-?(?:0|[1-9]\d*))$/.test(word);
}
