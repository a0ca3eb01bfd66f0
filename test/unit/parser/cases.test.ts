// Every published case, in one piece and split in every way that matters.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseReply } from "../../../src/format/hermes/index.js";
import type { ReplyFinish, ToolDefinition } from "../../../src/format/hermes/index.js";
import { comparable, everySplit, parseInPieces } from "../../support/parser/reply_pieces.js";

interface Case {
  id: string;
  text: string;
  finish: ReplyFinish;
  expect: Record<string, unknown>;
}

const file = new URL("../../support/cases/tool-calls.json", import.meta.url);
// The published file spells problems with underscores.
const { tools, cases } = JSON.parse(readFileSync(file, "utf8"), (key, value: unknown) =>
  key === "problem" ? String(value).replace("_", "-") : value,
) as { tools: ToolDefinition[]; cases: Case[] };

describe.each(cases)("case $id", ({ text, finish, expect: expected }) => {
  test("is parsed as expected in one piece", () => {
    expect(comparable(parseReply(text, { tools, finish }))).toEqual(comparable(expected));
  });

  test("is parsed the same from any splitting", () => {
    const whole = parseReply(text, { tools, finish });
    for (const pieces of everySplit(text)) expect(parseInPieces(pieces, { tools, finish }).reply).toEqual(whole);
  });
});
