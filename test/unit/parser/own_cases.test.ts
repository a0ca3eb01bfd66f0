// Our own cases, in one piece and from every splitting.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseReply } from "../../../src/format/hermes/index.js";
import type { ToolDefinition } from "../../../src/format/hermes/index.js";
import { ownCases } from "../../support/parser/own_cases.js";
import { comparable, everySplit, parseInPieces } from "../../support/parser/reply_pieces.js";

const file = new URL("../../support/cases/tool-calls.json", import.meta.url);
const { tools } = JSON.parse(readFileSync(file, "utf8")) as { tools: ToolDefinition[] };

describe.each(ownCases)("$id", ({ text, finish = "stop", content = "", calls = [], ...rest }) => {
  test("is parsed as expected, whole and from any splitting", () => {
    const whole = parseReply(text, { tools, finish });
    expect(comparable(whole)).toEqual(comparable({ content, calls, ...rest }));
    for (const pieces of everySplit(text)) expect(parseInPieces(pieces, { tools, finish }).reply).toEqual(whole);
  });
});
