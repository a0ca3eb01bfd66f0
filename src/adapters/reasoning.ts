// The efforts that frameworks pass, as the option `reasoning` of a reply.
import type { ReplyOptions } from "../index.js";
import type { TextModel } from "./answered.js";

/** Without effect on a model that does not think; one that takes no effort thinks as it does. */
export function reasoningOf(
  effort: string | undefined,
  { reasoning, reasoningEffort }: TextModel["capabilities"],
): ReplyOptions["reasoning"] {
  if (effort === undefined) return undefined;
  if (effort === "none") return "off";
  if (!reasoning) return undefined;
  return reasoningEffort ? ({ effort } as ReplyOptions["reasoning"]) : "on";
}
