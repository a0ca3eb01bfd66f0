// What is checked of a prompt before it is handed to an engine.
import { contextFull, type CaduceusError } from "../errors.js";
import type { ModelInfo } from "./model_info.js";
import type { PromptPart } from "./prompt.js";

/** What cannot fit is not even handed over, which takes a second for 50 MB. A UTF-16 unit is a byte or more. */
export function refuseTooLong(
  prompt: readonly PromptPart[],
  { contextSize, longestTokenBytes = Infinity }: ModelInfo,
): CaduceusError | undefined {
  const units = prompt.reduce(
    (sum, part) =>
      sum +
      ("text" in part
        ? part.text.length
        : "control" in part
          ? part.control.length
          : part.tokens.length * longestTokenBytes),
    0,
  );
  const least = Math.floor(units / longestTokenBytes);
  if (!(least >= contextSize)) return undefined;
  return contextFull(least, contextSize);
}

export function withTypedTokens(parts: readonly PromptPart[]): PromptPart[] {
  return parts.map((part) => ("tokens" in part ? { tokens: Int32Array.from(part.tokens) } : part));
}
