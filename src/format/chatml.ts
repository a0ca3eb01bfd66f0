// ChatML: how a conversation becomes a prompt. Only the markers written here are markup; content never is.
import type { PromptPart } from "../engine/engine.js";
import type { PlainMessage } from "./messages.js";

const turnStart: PromptPart = { control: "<|im_start|>" };
const turnEnd: PromptPart = { control: "<|im_end|>" };

/** A whole conversation, and the beginning of the assistant's turn. The tokeniser adds BOS; there is no system turn unless there is a system message. */
export function renderConversation(messages: readonly PlainMessage[]): PromptPart[] {
  return [...messages.flatMap(renderTurn), ...assistantStart];
}

/** What follows the tokens of an assistant's answer: the end of its turn, the new messages, and the beginning of its next turn. */
export function renderContinuation(messages: readonly PlainMessage[]): PromptPart[] {
  return [turnEnd, { text: "\n" }, ...renderConversation(messages)];
}

// Role, newline and content are one text, so that they become the tokens that the whole template would give.
function renderTurn({ role, content }: PlainMessage): PromptPart[] {
  return [turnStart, { text: `${role}\n${content}` }, turnEnd, { text: "\n" }];
}

const assistantStart: readonly PromptPart[] = [turnStart, { text: "assistant\n" }];
