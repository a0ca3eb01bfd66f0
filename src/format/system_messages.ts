// Merges system messages into one at the beginning, where a prompt format has no other place for them.
import type { PlainMessage } from "./plain_message.js";

export interface JoinedSystem {
  readonly messages: readonly PlainMessage[];
  /** What has been changed, as a sentence; undefined where nothing was. */
  readonly warning: string | undefined;
}

/**
 * Joins all system messages into one that stands first, in their order and with a blank line between, unless the format
 * writes each in its place.
 */
export function joinSystemMessages(
  messages: readonly PlainMessage[],
  { takesSystemMessages }: { readonly takesSystemMessages: boolean },
): JoinedSystem {
  if (takesSystemMessages) return { messages, warning: undefined };
  const systems = messages.filter(({ role }) => role === "system");
  if (systems.length === 0 || (systems.length === 1 && messages[0] === systems[0]))
    return { messages, warning: undefined };
  const content = systems
    .map((system) => system.content)
    .filter((text) => text !== "")
    .join("\n\n");
  const warning =
    systems.length === 1
      ? "The system message was moved to the beginning of the conversation, where the model's prompt format has its place."
      : `${systems.length} system messages were joined into one at the beginning of the conversation, where the model's prompt format has its place.`;
  return { messages: [{ role: "system", content }, ...messages.filter(({ role }) => role !== "system")], warning };
}
