// A reply with its right answer, and the pieces that the own cases are made of.

import type { ReplyFinish } from "../../../src/format/hermes/index.js";

export interface OwnCase {
  id: string;
  text: string;
  finish?: ReplyFinish;
  content?: string;
  calls?: unknown[];
  malformed?: number;
  incomplete?: true;
  reasoning?: string;
}

export const O = "<tool_call>\n";
export const C = "\n</tool_call>";
export const paris = '{"name": "get_weather", "arguments": {"location": "Paris"}}';
export const rome = '{"name": "get_weather", "arguments": {"location": "Rome"}}';
export const bad = '{"name": "nope" "arguments"}';
export const Paris = { name: "get_weather", arguments: { location: "Paris" } };
export const Rome = { name: "get_weather", arguments: { location: "Rome" } };
export const repaired = (call: object): object => ({ ...call, repaired: true });
export const ping = (more: object = {}): object => ({ name: "ping", arguments: {}, ...more });
export const set = (args: string): string => `${O}{"name": "set", "arguments": ${args}}${C}`;
export const wasSet = (args: object, more: object = {}): object => ({
  name: "set",
  arguments: { flag: true, ...args },
  ...more,
});
export const write = (content: string): string =>
  `${O}{"name": "write_file", "arguments": {"path": "a", "content": ${content}}}${C}`;
export const wrote = (content: string, more: object = {}): object => ({
  name: "write_file",
  arguments: { path: "a", content },
  ...more,
});
