// Markdown that models write, read into the tree that the page shows.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readBlocks, type Block } from "../../../page/text/blocks.js";
import { readSpans, type Span } from "../../../page/text/spans.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const text = (text: string) => ({ kind: "text", text });
const paragraph = (text: string) => ({ kind: "paragraph", text });

test("blocks are read as models write them, lists inside lists and code inside items too", () => {
  expect(
    readBlocks("# A\ntext\nmore\n\n1. one\n   - in\n2. two\n\n   ```js\n   let a;\n   ```\n\n> quoted\n\n***\nend"),
  ).toEqual([
    { kind: "heading", level: 1, text: "A" },
    paragraph("text\nmore"),
    {
      kind: "list",
      start: 1,
      items: [
        [paragraph("one"), { kind: "list", start: undefined, items: [[paragraph("in")]] }],
        [paragraph("two"), { kind: "code", language: "js", text: "let a;" }],
      ],
    },
    { kind: "quote", blocks: [paragraph("quoted")] },
    { kind: "rule" },
    paragraph("end"),
  ]);
  expect(readBlocks("|a|b|\n|:-|-:|\n|1|2|\n| 3 |")).toEqual([
    {
      kind: "table",
      head: ["a", "b"],
      rows: [
        ["1", "2"],
        ["3", ""],
      ],
    },
  ]);
});

test("code that is still being written is code to the end, and a year does not begin a list", () => {
  expect(readBlocks("```python\nprint(1)\n# half")).toEqual([
    { kind: "code", language: "python", text: "print(1)\n# half" },
  ]);
  expect(readBlocks("It was in\n1969. Then")).toEqual([paragraph("It was in\n1969. Then")]);
});

test("spans mark what is marked, and leave products, names and half of a mark alone", () => {
  expect(readSpans("a **b *c*** `d*` ~~e~~")).toEqual([
    text("a "),
    { kind: "strong", spans: [text("b "), { kind: "emphasis", spans: [text("c")] }] },
    text(" "),
    { kind: "code", text: "d*" },
    text(" "),
    { kind: "struck", spans: [text("e")] },
  ]);
  for (const plain of ["2*3*4", "snake_case_name", "**open", "a * b * c", "`", "[a](b", "[x](javascript:alert(1))"])
    expect(
      readSpans(plain)
        .map((span) => (span.kind === "text" ? span.text : span.kind))
        .join(""),
    ).toBe(plain);
  expect(readSpans("see https://a.b/c. [d](https://e.f)")).toEqual([
    text("see "),
    { kind: "link", address: "https://a.b/c", spans: [text("https://a.b/c")] },
    text(". "),
    { kind: "link", address: "https://e.f", spans: [text("d")] },
  ]);
});

function* spansOf(blocks: readonly Block[]): Generator<Span> {
  for (const block of blocks) {
    if (block.kind === "list") for (const item of block.items) yield* spansOf(item);
    else if (block.kind === "quote") yield* spansOf(block.blocks);
    else if (block.kind === "table")
      for (const cell of [block.head, ...block.rows].flat()) yield* deep(readSpans(cell));
    else if (block.kind === "heading" || block.kind === "paragraph") yield* deep(readSpans(block.text));
  }
}

function* deep(spans: readonly Span[]): Generator<Span> {
  for (const span of spans) {
    yield span;
    if ("spans" in span) yield* deep(span.spans);
  }
}

test("whatever the text, reading ends, no word is lost, and links lead to the web or to mail", () => {
  const piece = fc.constantFrom(
    "*",
    "**",
    "_",
    "`",
    "```\n",
    "[",
    "](",
    ")",
    "\n",
    "\n\n",
    "- ",
    "1. ",
    "> ",
    "|",
    "|-|-|\n",
    "# ",
    "  ",
    "~~",
    "\\",
    "javascript:",
    "https://a.b ",
    "mailto:a@b",
    "<img>",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.stringMatching(/^[a-z]{1,4}$/)), { maxLength: 60 }), (pieces) => {
      for (const span of spansOf(readBlocks(pieces.join(""))))
        if (span.kind === "link") expect(span.address).toMatch(/^(https?:\/\/|mailto:)/i);
    }),
    { numRuns: 2000 },
  );
});

describe("text made to be slow to read takes no longer than its length allows", () => {
  test.each([
    "[",
    "*a ",
    "_a_",
    "`",
    "`a``",
    "> ",
    "- ",
    "  - a\n",
    "1. ",
    "|a|b\n|-|-\n",
    "[a](",
    "http://a.",
    "_*a",
    "**a ** ",
    "```\n",
    "# a\n",
    "> > > > > > > > > a\n",
  ])("%j", (unit) => {
    const begun = cpuMs();
    for (const _ of spansOf(readBlocks(unit.repeat(100_000 / unit.length)))) void _;
    // A second at most on this machine; what grows with the square would take minutes.
    expect(cpuMs() - begun).toBeLessThan(5_000);
  });
});
