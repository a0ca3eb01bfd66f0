// The whole output at once: the same scanner as for a stream, given everything in one piece.

import { checkOptions } from "../../../options/option_checks.js";
import { parserOptionNames, ReplyParser } from "./reply_parser.js";
import type { ReplyParserOptions } from "./reply_parser.js";
import type { ParsedReply, ReplyFinish } from "./reply_types.js";

/** What is known of the reply. */
export interface ParseReplyOptions extends Omit<ReplyParserOptions, "events" | "callId"> {
  /** Why the text ended. Defaults to `stop`. */
  readonly finish?: ReplyFinish | undefined;
}

const optionNames = [...parserOptionNames.filter((name) => name !== "events" && name !== "callId"), "finish"];

/**
 * Reads what a Hermes model wrote.
 *
 * ```ts
 * import { parseReply } from "caduceus/hermes";
 *
 * const text = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>';
 * const { content, calls } = parseReply(text, { tools: [{ name: "now" }] });
 * for (const { name, arguments: args, problem } of calls) console.log(name, args, problem ?? "can be run");
 * ```
 *
 * @throws CaduceusError `INVALID_ARGUMENT`, `INVALID_SCHEMA` (of a tool's parameters)
 */
export function parseReply(text: string, options?: ParseReplyOptions): ParsedReply {
  const { finish, ...rest } = checkOptions(options, "parseReply", optionNames) as ParseReplyOptions;
  const parser = new ReplyParser({ ...rest, events: false });
  parser.push(text);
  return parser.end({ finish });
}
