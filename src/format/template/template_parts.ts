// Cutting rendered prompts: behind a beginning, behind an answer, and at markers.
import type { PromptPart } from "../../engine/engine.js";

/** A marker in what a template wrote: `<|im_end|>`, `</s>`, `[INST]`, `[|user|]`, MiniMax's `]~b]`, `[e~[`, `]<]image[>[`. */
const marker = /(\]<\][^\s<>[\]]+\[>\[|<[^<>\s]+>|\[\/?[A-Za-z|][^[\]\s"]*\]|\]~[^\s\]]*\]|\[e~\[)/;

/** Where a text has markers. */
export function markersIn(text: string): { readonly from: number; readonly to: number }[] {
  return [...text.matchAll(new RegExp(marker, "g"))].map(({ index, 0: { length } }) => ({
    from: index,
    to: index + length,
  }));
}

export const markersOf = (text: string) => markersIn(text).map(({ from, to }) => text.slice(from, to));

/**
 * The same, with every marker a part of its own, so that parts of prompts that begin alike are alike. Which of them are
 * tokens is for the tokenizer to say.
 */
export function splitMarkup(parts: readonly PromptPart[]): PromptPart[] {
  return parts.flatMap((part): PromptPart[] => {
    if (!("control" in part)) return [part];
    const pieces = part.control.split(marker).filter((piece) => piece !== "");
    return pieces.map((control) => ({ control }));
  });
}

const textOf = (part: PromptPart | undefined) =>
  part === undefined || "tokens" in part ? "" : "text" in part ? part.text : part.control;

const isSameKind = (a: PromptPart | undefined, b: PromptPart | undefined) =>
  a !== undefined && b !== undefined && ("text" in a ? "text" in b : "control" in a && "control" in b);

/** What is left of the first part without its first `count` characters, and the parts after it. */
function without([first, ...rest]: readonly PromptPart[], count: number): PromptPart[] {
  const left = textOf(first).slice(count);
  if (left === "" || first === undefined) return rest;
  return ["text" in first ? { text: left } : { control: left }, ...rest];
}

/** What follows `beginning` in `whole`; undefined where it does not begin so. */
export function partsBehind(
  whole: readonly PromptPart[],
  beginning: readonly PromptPart[],
): readonly PromptPart[] | undefined {
  const last = beginning.length - 1;
  if (last < 0) return whole;
  for (const [index, part] of beginning.entries()) {
    if (!isSameKind(whole[index], part)) return undefined;
    const [is, expected] = [textOf(whole[index]), textOf(part)];
    if (index < last ? is !== expected : !is.startsWith(expected)) return undefined;
  }
  return without(whole.slice(last), textOf(beginning[last]).length);
}

/**
 * Everything up to the end of the last text that a caller gave, which is `text`, with or without the white space around
 * it. Undefined where it is not there.
 */
export function partsUntil(parts: readonly PromptPart[], text: string): readonly PromptPart[] | undefined {
  const wanted = text.trim();
  const last = parts.findLastIndex((part) => "text" in part && part.text.includes(wanted));
  if (wanted === "" || last < 0) return undefined;
  const found = textOf(parts[last]);
  const end = found.lastIndexOf(wanted) + wanted.length;
  const space = text.slice(text.trimEnd().length);
  return [...parts.slice(0, last), { text: found.slice(0, end) + (found.startsWith(space, end) ? space : "") }];
}

/** What follows a caller's text that `parts` begin with; undefined where they begin with something else. */
export function endOfText(parts: readonly PromptPart[], text: string): PromptPart[] | undefined {
  if (text === "") return [...parts];
  const [first] = parts;
  return first !== undefined && "text" in first && first.text.startsWith(text)
    ? without(parts, text.length)
    : undefined;
}

/** Everything from a text on that the template wrote. */
export function partsFrom(parts: readonly PromptPart[], text: string): PromptPart[] | undefined {
  for (const [index, part] of parts.entries()) {
    const at = "control" in part ? part.control.indexOf(text) : -1;
    if (at >= 0) return without(parts.slice(index), at);
  }
  return undefined;
}

/** What follows the `count`-th tag that the template wrote. */
export function endOfCalls(parts: readonly PromptPart[], tag: string, count: number): PromptPart[] | undefined {
  let missing = count;
  for (const [index, part] of parts.entries()) {
    if (!("control" in part)) continue;
    let end = 0;
    for (let at = part.control.indexOf(tag); at >= 0; at = part.control.indexOf(tag, end)) {
      end = at + tag.length;
      if (--missing === 0) return without(parts.slice(index), end);
    }
  }
  return undefined;
}
