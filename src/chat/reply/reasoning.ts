// The option `reasoning` of replies: whether the model thinks before it answers, and for how long.
import type { EngineCapabilities, PromptPart, ThoughtRequest } from "../../engine/engine.js";
import { invalidArgument, mismatch } from "../../errors.js";
import type { ConversationFormat } from "../../format/conversation_format.js";
import { endsInThought } from "../../format/thought.js";
import { checkOptions, checkWholeNumber } from "../../options/option_checks.js";

/** `"on"`, `"off"`, or on with a maximum number of tokens. */
export type Reasoning = "on" | "off" | { readonly maxTokens: number };

/** Undefined: as the model's template has it. `format` is asked for only where the model is to think. */
export function readReasoning(
  value: unknown,
  format: () => ConversationFormat,
  capabilities: EngineCapabilities,
): Reasoning | undefined {
  if (value === undefined || value === "off") return value;
  const reasoning = readValue(value);
  const refused = (expected: string, received: string) =>
    mismatch("INVALID_ARGUMENT", { expected, place: "reasoning", received });
  if (!format().thinks)
    throw refused("reasoning to be off", "reasoning, which this model's prompt format does not have");
  if (reasoning !== "on" && !capabilities.constrained)
    throw refused('"on" or "off"', "a limit, which this engine does not enforce");
  return reasoning;
}

function readValue(value: unknown): Reasoning {
  if (value === "on") return value;
  if (typeof value !== "object" || value === null)
    throw invalidArgument('"on", "off" or a maximum number of tokens', "reasoning", value);
  const { maxTokens } = checkOptions(value, "reasoning", ["maxTokens"]);
  if (maxTokens === undefined) throw invalidArgument("a whole number", "reasoning.maxTokens", maxTokens);
  return { maxTokens: checkWholeNumber(maxTokens, "reasoning.maxTokens", 0, 0x7fffffff)! };
}

/** What the model may think after this prompt; undefined: nothing. */
export function thoughtRequest(
  reasoning: Reasoning | undefined,
  format: ConversationFormat,
  prompt: readonly PromptPart[],
): ThoughtRequest | undefined {
  if (reasoning === "off") return undefined;
  const open = endsInThought(prompt);
  if (!open && !format.thinks) return undefined;
  return { open, ...(typeof reasoning === "object" ? reasoning : {}) };
}
