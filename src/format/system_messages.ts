// Merges system messages into one at the beginning, since models were trained with one.
import type { PlainMessage } from "./plain_message.js";

export interface JoinedSystem {
  readonly messages: readonly PlainMessage[];
  /** What has been changed, as a sentence; undefined where nothing was. */
  readonly warning: string | undefined;
}

/** Joins all system messages into one that stands first, in their order and with a blank line between. */
export function joinSystemMessages(messages: readonly PlainMessage[]): JoinedSystem {
  const systems = messages.filter(({ role }) => role === "system");
  if (systems.length === 0 || (systems.length === 1 && messages[0] === systems[0]))
    return { messages, warning: undefined };
  const content = systems
    .map((system) => system.content)
    .filter((text) => text !== "")
    .join("\n\n");
  const warning =
    systems.length === 1
      ? "The system message was moved to the beginning of the conversation, where models expect it."
      : `${systems.length} system messages were joined into one at the beginning of the conversation, where models expect it.`;
  return { messages: [{ role: "system", content }, ...messages.filter(({ role }) => role !== "system")], warning };
}
