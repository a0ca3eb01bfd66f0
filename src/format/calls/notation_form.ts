// Finds out how a template writes arguments in a notation that is not JSON.
import { isDeepStrictEqual } from "node:util";
import type { NotationForm } from "../../engine/call_format.js";
import { nestedValue, numberValue, oddValue, words, type ProbeTexts } from "./probe_texts.js";
import { NotationReader } from "./reading/notation_reader.js";

/** Undefined where they are written otherwise. */
export function notationForm(texts: ProbeTexts): NotationForm | undefined {
  const { pair } = texts;
  if (pair === undefined) return undefined;
  const [key, value, otherKey, otherValue] = [words.key, words.value, words.otherKey, words.otherValue].map((word) =>
    pair.indexOf(word),
  ) as [number, number, number, number];
  if (key < 0 || value < key || otherKey < value || otherValue < otherKey) return undefined;
  const before = pair.slice(key + words.key.length, value);
  const between = pair.slice(value + words.value.length, otherKey);
  const [, assign, quote] = /^\s*([:=])\s*(\S+)$/.exec(before) ?? [];
  if (assign === undefined || quote === undefined || !between.startsWith(quote)) return undefined;
  const comma = between.slice(quote.length);
  if (comma.trim() !== "," || !pair.startsWith(quote, otherValue + words.otherValue.length)) return undefined;
  const form = { assign: before.slice(0, -quote.length), comma, ...(/^["']$/.test(quote) ? {} : { quote }) };
  return isRead(texts, form) ? form : undefined;
}

/** Whether what the template writes is read as what it was given. */
function isRead({ odd, number, nested }: ProbeTexts, form: NotationForm): boolean {
  const given = [
    { text: number, key: words.number, value: Number(numberValue) },
    { text: nested, key: words.nested, value: nestedValue },
    // Python's strings are written without escapes, so that not all can be read.
    ...(form.quote === undefined ? [] : [{ text: odd, key: words.key, value: oddValue }]),
  ];
  return given.every(({ text = "", key, value }) => {
    const at = text.indexOf(key + form.assign);
    const closing = at < 0 ? undefined : closingOf(text[at - 1]);
    if (closing === undefined) return false;
    let json = "";
    const reader = new NotationReader(form, closing, (piece) => (json += piece));
    reader.read(text, at, true);
    return reader.status === "done" && isDeepStrictEqual(JSON.parse(json), { [key]: value });
  });
}

const closingOf = (opening: string | undefined) => ({ "(": ")", "{": "}" })[opening ?? ""];

/** Where the arguments of the probes' calls stand that have the one of `words.key` alone. */
export function notationSpans(text: string, { assign, quote }: NotationForm) {
  const spans: { from: number; to: number }[] = [];
  for (const around of quote === undefined ? ["'", '"'] : [quote]) {
    const whole = `${words.key}${assign}${around}${words.value}${around}`;
    for (let at = text.indexOf(whole); at >= 0; at = text.indexOf(whole, at + 1))
      spans.push({ from: at, to: at + whole.length });
  }
  return spans;
}
