// Counts the prompt parts that belong to a conversation's beginning, for an engine that saves the state of that
// beginning.
import type { PromptPart } from "../engine/engine.js";

/**
 * How many of the leading parts of `whole` are those of `beginning` too, so that their tokens are the same whatever
 * follows. Undefined when there are none.
 */
export function commonParts(whole: readonly PromptPart[], beginning: readonly PromptPart[]): number | undefined {
  let count = 0;
  while (
    count < beginning.length &&
    count < whole.length &&
    isSame(whole[count] as PromptPart, beginning[count] as PromptPart)
  )
    count++;
  // Neighboring texts are tokenized as one: there is no boundary between them.
  while (count > 0 && isText(whole[count - 1]) && isText(whole[count])) count--;
  return count === 0 ? undefined : count;
}

const isText = (part: PromptPart | undefined) => part !== undefined && "text" in part;

function isSame(a: PromptPart, b: PromptPart): boolean {
  if ("text" in a) return "text" in b && a.text === b.text;
  if ("control" in a) return "control" in b && a.control === b.control;
  return a === b;
}
