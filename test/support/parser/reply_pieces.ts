// Feeds replies to the parser in pieces, and checks what every stream of events has to keep.

import { expect } from "vitest";
import { ReplyParser } from "../../../src/format/hermes/index.js";
import type { ParsedReply, ReplyEvent, ReplyFinish, ReplyParserOptions } from "../../../src/format/hermes/index.js";

export interface Parsed {
  reply: ParsedReply;
  events: ReplyEvent[];
  parser: ReplyParser;
}

export function parseInPieces(
  pieces: readonly string[],
  options: ReplyParserOptions & { finish?: ReplyFinish } = {},
): Parsed {
  const { finish, ...rest } = options;
  const parser = new ReplyParser(rest);
  const events: ReplyEvent[] = [];
  for (const piece of pieces) events.push(...parser.push(piece));
  const reply = parser.end({ finish });
  events.push(...parser.takeEvents());
  checkEvents(events, reply, parser);
  return { reply, events, parser };
}

/** Two pieces at every place, single UTF-16 units, pairs, and pieces of about a token. */
export function* everySplit(text: string): Generator<string[]> {
  for (let i = 0; i <= text.length; i++) yield [text.slice(0, i), text.slice(i)];
  for (const size of [1, 2, 3, 5, 7]) yield inPieces(text, size);
}

export function inPieces(text: string, size: number): string[] {
  const pieces: string[] = [];
  for (let i = 0; i < text.length; i += size) pieces.push(text.slice(i, i + size));
  return pieces;
}

/** The cases' way to compare: white space collapsed, absent keys equal to false and 0. */
export function comparable(reply: object): Record<string, unknown> {
  const { content, calls, malformed, incomplete, reasoning } = reply as ParsedReply;
  return {
    content: collapse(content),
    calls: calls.map(({ name, arguments: args, repaired, problem }) => ({
      name,
      arguments: args,
      repaired: repaired ?? false,
      problem: problem ?? null,
    })),
    malformed: malformed ?? 0,
    incomplete: incomplete ?? false,
    reasoning: collapse(reasoning ?? ""),
  };
}

const collapse = (text: string): string => text.replace(/\s+/g, " ").trim();

/** What holds for the events of every reply, good or bad. */
function checkEvents(events: readonly ReplyEvent[], reply: ParsedReply, parser: ReplyParser): void {
  let content = "";
  let reasoning = "";
  const streamed = new Map<string, string>();
  const calls: unknown[] = [];
  const malformed: string[] = [];
  for (const event of events) {
    switch (event.type) {
      case "text":
        content += event.text;
        break;
      case "reasoning":
        reasoning += event.text;
        break;
      case "tool-call-start":
        if (streamed.has(event.id) !== (event.restart === true)) throw new Error(`call ${event.id} started twice`);
        streamed.set(event.id, "");
        break;
      case "tool-call-delta":
        if (!streamed.has(event.id)) throw new Error("a delta before its start");
        streamed.set(event.id, (streamed.get(event.id) as string) + event.textDelta);
        break;
      case "tool-call": {
        if (streamed.get(event.id) !== event.argumentsText)
          throw new Error(`deltas ${streamed.get(event.id)} are not ${event.argumentsText}`);
        const { name, arguments: args, repaired, problem } = event;
        calls.push({ name, arguments: args, ...(repaired ? { repaired } : {}), ...(problem ? { problem } : {}) });
        checkText(event.argumentsText, args);
        break;
      }
      case "malformed":
        malformed.push(event.text);
    }
  }
  if (content !== reply.content)
    throw new Error(`streamed ${JSON.stringify(content)}, returned ${JSON.stringify(reply.content)}`);
  if (reasoning !== (reply.reasoning ?? "")) throw new Error("streamed reasoning differs");
  expect(calls).toEqual(reply.calls);
  expect(malformed).toEqual(parser.malformedTexts);
  expect(malformed.length).toBe(reply.malformed ?? 0);
}

/** The arguments' text is strict JSON and says the same as their value. */
function checkText(text: string, args: unknown): void {
  const fromText = JSON.stringify(JSON.parse(text));
  const fromValue = JSON.stringify(args, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value));
  if (fromText !== fromValue) throw new Error(`text ${fromText} is not value ${fromValue}`);
}
