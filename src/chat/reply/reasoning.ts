// The option `reasoning` of replies: whether the model thinks before it answers, and for how long.
import type { Constraint, EngineCapabilities, PromptPart, ThoughtRequest } from "../../engine/engine.js";
import { invalidArgument, mismatch } from "../../errors.js";
import type { ConversationFormat } from "../../format/conversation_format.js";
import { endsInThought, promptEnd, thinkTags } from "../../format/thought.js";
import { checkChoice, checkOptions, checkWholeNumber } from "../../options/option_checks.js";

/** Words of templates, of which each takes some. */
export type ReasoningEffort = (typeof reasoningEfforts)[number];
export const reasoningEfforts = ["minimal", "low", "medium", "high", "xhigh", "max"] as const;

/** `"on"`, `"off"`, or on with a maximum number of tokens, an effort, or both. */
export type Reasoning =
  | "on"
  | "off"
  | { readonly maxTokens?: number | undefined; readonly effort?: ReasoningEffort | undefined };

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
  const { thought, takesEffort } = format();
  if (thought === undefined)
    throw refused("reasoning to be off", "reasoning, which this model's prompt format does not have");
  if (reasoning === "on") return reasoning;
  if (reasoning.maxTokens !== undefined && !(capabilities.limitsThoughts ?? capabilities.constrained))
    throw refused('"on" or "off"', "a limit, which this engine does not enforce");
  if (reasoning.maxTokens !== undefined && thought.holdsCalls === true)
    throw refused('"on" or "off"', "a limit, which this model's thoughts cannot have: its calls stand inside them");
  if (reasoning.effort !== undefined && !takesEffort)
    throw refused('"on", "off" or a limit', "an effort, which this model's prompt format does not have");
  return reasoning;
}

function readValue(value: unknown): Exclude<Reasoning, "off"> {
  if (value === "on") return value;
  if (typeof value !== "object" || value === null)
    throw invalidArgument('"on", "off" or a maximum number of tokens', "reasoning", value);
  const { maxTokens, effort } = checkOptions(value, "reasoning", ["maxTokens", "effort"]);
  if (maxTokens === undefined && effort === undefined)
    throw invalidArgument("a whole number", "reasoning.maxTokens", maxTokens);
  return {
    maxTokens: checkWholeNumber(maxTokens, "reasoning.maxTokens", 0, 0x7fffffff),
    effort: checkChoice(effort, "reasoning.effort", reasoningEfforts),
  };
}

/** What the model may think after this prompt; undefined: nothing. */
export function thoughtRequest(
  reasoning: Reasoning | undefined,
  format: ConversationFormat,
  prompt: readonly PromptPart[],
  constraint: Constraint | undefined,
): ThoughtRequest | undefined {
  // Where the prompt leaves open what the first message is, a thought can only be ended.
  if (reasoning === "off" && !(format.thought !== undefined && beginsMessage(format, prompt))) return undefined;
  const tags = format.thought ?? thinkTags;
  const open = endsInThought(prompt, tags);
  if (!open && format.thought === undefined) return undefined;
  // A call that begins in the thought is looked for from the first token on.
  if (tags.holdsCalls === true && constraint?.kind === "tools" && constraint.mode === "auto" && !constraint.schema)
    return undefined;
  const maxTokens = reasoning === "off" ? 0 : typeof reasoning === "object" ? reasoning.maxTokens : undefined;
  // Calls come behind a thought in their own way, not as the text of an answer does.
  const next = messagesOf(format)?.next ?? "";
  const behind =
    constraint?.kind === "tools" && tags.answer !== ""
      ? { answer: next, end: tags.end.slice(0, tags.end.indexOf(tags.closing) + tags.closing.length) + next }
      : {};
  return { open, ...tags, ...behind, ...(maxTokens === undefined ? {} : { maxTokens }) };
}

/** Whether the prompt ends with the beginning of a message that may be a text, a thought or a call. */
function beginsMessage(format: ConversationFormat, prompt: readonly PromptPart[]): boolean {
  const next = messagesOf(format)?.next;
  return next !== undefined && next !== "" && promptEnd(prompt, next.length).endsWith(next);
}

/** What begins a message of text, where the prompt leaves that open and nothing else may be generated. */
export function answerBeginning(
  format: ConversationFormat,
  prompt: readonly PromptPart[],
  constraint: Constraint | undefined,
  thought: ThoughtRequest | undefined,
): PromptPart[] {
  const isAnswer = constraint !== undefined && constraint.kind !== "tools";
  const [text] = messagesOf(format)?.texts ?? [];
  return isAnswer && thought === undefined && text !== undefined && beginsMessage(format, prompt)
    ? [{ control: text }]
    : [];
}

/**
 * Whether the prompt ends with the beginning of a text that comes before calls, as templates have it that are told not
 * to think.
 */
export function endsInText(format: ConversationFormat, prompt: readonly PromptPart[]): boolean {
  const { texts: [text] = [], textFirst = false } = messagesOf(format) ?? {};
  return textFirst && text !== undefined && promptEnd(prompt, text.length).endsWith(text);
}

/** A prompt that `endsInText` without the beginning of the text: the grammar has it. */
export function withoutText(format: ConversationFormat, prompt: readonly PromptPart[]): PromptPart[] {
  let left = messagesOf(format)?.texts[0]?.length ?? 0;
  const parts = [...prompt];
  while (left > 0) {
    const last = parts.pop();
    if (last === undefined || !("control" in last)) break;
    const kept = last.control.slice(0, Math.max(0, last.control.length - left));
    left -= last.control.length - kept.length;
    if (kept !== "") parts.push({ control: kept });
  }
  return parts;
}

const messagesOf = ({ calls }: ConversationFormat) => (calls.kind === "own" ? calls.format.messages : undefined);
