// Templates of reasoning models may begin the answer themselves: `<think>` is then part of the prompt, and only its end
// is written.
import type { PromptPart } from "../engine/engine.js";

/** Whether what follows this prompt is reasoning. */
export function endsInThought(prompt: readonly PromptPart[]): boolean {
  let end = "";
  for (let index = prompt.length - 1; index >= 0 && end.trim().length < opening.length; index--) {
    const part = prompt[index]!;
    if ("tokens" in part) return false;
    end = ("text" in part ? part.text : part.control) + end;
  }
  return end.trimEnd().endsWith(opening);
}

const opening = "<think>";
