// Finds out how a template writes arguments as elements, whose tags are their names.
import type { ElementForm } from "../../engine/call_format.js";
import { nestedValue, numberValue, words, type ProbeTexts } from "./probe_texts.js";

/** Undefined where they are written otherwise. */
export function elementForm({ pair, number, nested }: ProbeTexts): ElementForm | undefined {
  const open = `<${words.key}>${words.value}`;
  const from = pair?.indexOf(open) ?? -1;
  const to = pair?.indexOf(`</${words.key}>`, from) ?? -1;
  const prefix = from < 0 || to < 0 ? "" : (pair as string).slice(from + open.length, to);
  // Without something before them, tags could not be told from text.
  if (prefix.trim() === "") return undefined;
  const item = /<([\w-]+)>true/.exec(nested ?? "")?.[1];
  if (item === undefined) return undefined;
  const form = { prefix, item };
  const [list, values] = Object.entries(nestedValue)[0]!;
  const items = values.map((value) => elementText(form, item, value === null ? "" : String(value))).join("");
  const isWritten =
    pair?.includes(elementText(form, words.key, words.value) + elementText(form, words.otherKey, words.otherValue)) ===
      true &&
    number?.includes(elementText(form, words.number, numberValue)) === true &&
    nested?.includes(elementText(form, words.nested, elementText(form, list, items))) === true;
  return isWritten ? form : undefined;
}

const elementText = ({ prefix }: ElementForm, tag: string, inner: string) =>
  `${prefix}<${tag}>${inner}${prefix}</${tag}>`;

/** Where the elements of the probes' calls stand that have the one of `words.key` alone. */
export function elementSpans(text: string, form: ElementForm): { from: number; to: number }[] {
  const whole = elementText(form, words.key, words.value);
  const spans: { from: number; to: number }[] = [];
  for (let at = text.indexOf(whole); at >= 0; at = text.indexOf(whole, at + 1))
    spans.push({ from: at, to: at + whole.length });
  return spans;
}
