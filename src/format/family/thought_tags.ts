// Finds out from a chat template how its model marks thoughts: what the template writes around an earlier one.
import type { PromptPart } from "../../engine/engine.js";
import { splitMarkup } from "../template/template_parts.js";
import { thinkTags, type ThoughtTags } from "../thought.js";

export const probeThought = "Hm.";
export const probeAnswer = "Here.";

/** Templates that do not write earlier thoughts, or not as the model does, by a text in them. */
const known: readonly (readonly [sign: string, tags: ThoughtTags])[] = [
  // Kimi K3: what opens a channel and what closes it differ in their first marker alone.
  [
    "open_tag('think' if thinking else 'response')",
    {
      opening: "<|open|>think<|sep|>",
      closing: "<|close|>think<|sep|>",
      answer: "<|open|>response<|sep|>",
      end: "<|close|>think<|sep|><|open|>response<|sep|>",
    },
  ],
  // Apriel: the words with which a thought begins are not in its history.
  [
    "[BEGIN FINAL RESPONSE]",
    {
      opening: "Here are my reasoning steps:",
      closing: "[BEGIN FINAL RESPONSE]",
      answer: "",
      end: "\n[BEGIN FINAL RESPONSE]\n",
    },
  ],
  // Apertus: earlier thoughts are blocks of a content of several, and calls are made inside them.
  [
    "<|inner_prefix|>",
    {
      opening: "<|inner_prefix|>",
      closing: "<|inner_suffix|>",
      answer: "",
      end: "<|inner_suffix|>",
      holdsCalls: true,
    },
  ],
  // Magistral and Ministral: earlier thoughts are parts of a content of several.
  ["[THINK]", { opening: "[THINK]", closing: "[/THINK]", answer: "", end: "[/THINK]" }],
  ["<think>", thinkTags],
];

/**
 * Undefined: the model has no thoughts. `histories`: prompts with an earlier thought, as far as the template renders
 * them; `prompts`: those that end with the beginning of a turn.
 */
export function thoughtTags(
  source: string,
  histories: readonly (readonly PromptPart[] | undefined)[],
  prompts: readonly (readonly PromptPart[] | undefined)[],
): ThoughtTags | undefined {
  const [special] = known.slice(0, 3).filter(([sign]) => source.includes(sign));
  if (special !== undefined) return special[1];
  const tails = prompts.flatMap((prompt) => (prompt === undefined ? [] : [controlsBefore(prompt, prompt.length)]));
  const [found] = histories.flatMap((history) => (history && tagsAround(history, tails)) ?? []);
  const other = known.find(([sign]) => source.includes(sign))?.[1];
  return found !== undefined && (other === undefined || namesThoughts(found.opening)) ? found : other;
}

const namesThoughts = (text: string) => /think|thought|reason|analysis/i.test(text);

function tagsAround(history: readonly PromptPart[], tails: readonly string[]): ThoughtTags | undefined {
  const at = history.findIndex((part) => "text" in part && part.text.trim() === probeThought);
  if (at < 0) return undefined;
  const opening = openingOf(controlsBefore(history, at), tails);
  const behind = history.slice(at + 1);
  const next = behind.findIndex((part) => "text" in part);
  const after = textOf(behind.slice(0, next < 0 ? undefined : next));
  const [first] = markersOf(after);
  if (opening === undefined || first === undefined) return undefined;
  const closed = first.at + first.text.length;
  const following = behind[next];
  // What comes before something else than the answer, such as a call, says nothing of the answer.
  const isAnswer = following !== undefined && "text" in following && following.text.trim() === probeAnswer;
  const answer = isAnswer ? after.slice(closed).trim() : "";
  return { opening, closing: first.text, answer, end: isAnswer ? after : after.slice(0, closed) };
}

/** What a thought begins with: what is not the beginning of a turn, or its end where that begins the thought. */
function openingOf(before: string, tails: readonly string[]): string | undefined {
  for (const tail of tails) {
    const opening = before.slice(before.startsWith(tail) ? tail.length : commonMarkup(before, tail)).trim();
    if (opening !== "") return opening;
  }
  const last = markersOf(before).at(-1);
  const opening = last && before.slice(last.at).trim();
  return opening !== undefined && namesThoughts(opening) ? opening : undefined;
}

/** Length of what two texts begin with, in whole markers and texts between them. */
function commonMarkup(a: string, b: string): number {
  const [these, those] = [a, b].map((text) => splitMarkup([{ control: text }]).map((part) => textOf([part])));
  let length = 0;
  for (const [index, piece] of these!.entries()) {
    if (those![index] !== piece) break;
    length += piece.length;
  }
  return length;
}

function controlsBefore(parts: readonly PromptPart[], end: number): string {
  const text = parts.slice(0, end).findLastIndex((part) => "text" in part);
  return textOf(parts.slice(text + 1, end));
}

const textOf = (parts: readonly PromptPart[]) =>
  parts.map((part) => ("control" in part ? part.control : "text" in part ? part.text : "")).join("");

function markersOf(text: string): { readonly at: number; readonly text: string }[] {
  return [...text.matchAll(/<[^<>\s]+>|\[\/?[A-Za-z|][^[\]\s"]*\]/g)].map((match) => ({
    at: match.index,
    text: match[0],
  }));
}
