// The whole output at once: the same scanner as for a stream, given everything in one piece.

import { ReplyParser } from "./reply_parser.js";
import type { ReplyParserOptions } from "./reply_parser.js";
import type { ParsedReply, ReplyFinish } from "./reply_types.js";

export interface ParseReplyOptions extends Omit<ReplyParserOptions, "events"> {
  /** Why the text ended. Defaults to `stop`. */
  readonly finish?: ReplyFinish | undefined;
}

/**
 * Reads what a Hermes model wrote.
 *
 *     const { content, calls } = parseReply(text, { tools, finish: "stop" });
 *     for (const call of calls) if (!call.problem) await run(call.name, call.arguments);
 */
export function parseReply(text: string, options: ParseReplyOptions = {}): ParsedReply {
  const { finish, ...rest } = options;
  const parser = new ReplyParser({ ...rest, events: false });
  parser.push(text);
  return parser.end({ finish });
}
