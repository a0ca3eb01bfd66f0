// Arguments that are written as elements: what they are follows from their schema, and where that is open from their
// looks.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ElementReader } from "../../../src/format/calls/reading/element_reader.js";

const form = { prefix: "]<]minimax[>[", item: "item" };
const end = `${form.prefix}</invoke>`;
const node = {
  type: "object",
  properties: { name: { type: "string" }, next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } },
};
const schema = {
  type: "object",
  properties: {
    text: { type: "string" },
    count: { type: "integer" },
    isOn: { type: ["boolean", "null"] },
    either: { type: ["string", "integer"] },
    list: { type: "array", items: { type: "integer" } },
    rows: { type: "array", items: { type: "array", items: { type: "string" } } },
    node: { $ref: "#/$defs/node" },
    open: { type: "object", additionalProperties: { type: "number" } },
    any: {},
  },
  $defs: { node },
};

/** Elements with `<`, `>` and `/` written alone; the prefix is put before them. */
const marked = (text: string) => text.replaceAll("<", `${form.prefix}<`);

function read(text: string, size = text.length + end.length + 1, tail = end) {
  let json = "";
  const reader = new ElementReader(form, end, schema, (piece) => (json += piece));
  const whole = text + tail;
  let rest = "";
  for (let at = 0; at < whole.length && reader.status === "reading"; at += size) {
    rest += whole.slice(at, at + size);
    rest = rest.slice(reader.read(rest, 0, at + size >= whole.length));
  }
  return { status: reader.status, value: reader.status === "done" ? (JSON.parse(json) as unknown) : json };
}

describe("a value is what its schema says", () => {
  test.each<[string, unknown]>([
    ["", {}],
    ["<text>12</text>", { text: "12" }],
    ['<text> a\n<b> & "</text>'.replaceAll("<b>", "b"), { text: ' a\nb & "' }],
    ["<text></text>", { text: "" }],
    ["<count>12</count>", { count: 12 }],
    ["<count>\n12\n</count>\n<text>a</text>", { count: 12, text: "a" }],
    ["<isOn>true</isOn>", { isOn: true }],
    ["<isOn></isOn>", { isOn: null }],
    ["<either>12</either>", { either: 12 }],
    ["<either>twelve</either>", { either: "twelve" }],
    ["<list><item>1</item><item>2</item></list>", { list: [1, 2] }],
    ["<list>\n<item>1</item>\n</list>", { list: [1] }],
    ["<list></list>", { list: [] }],
    ["<list>[1, 2]</list>", { list: [1, 2] }],
    ["<rows><item><item>1</item><item></item></item><item></item></rows>", { rows: [["1", ""], []] }],
    ["<node><name>1</name><next><name>2</name></next></node>", { node: { name: "1", next: { name: "2" } } }],
    ["<node><name>1</name><next></next></node>", { node: { name: "1", next: {} } }],
    ["<open><a>1</a><b>2.50</b></open>", { open: { a: 1, b: 2.5 } }],
    ["<open></open>", { open: {} }],
  ])("%s", (text, value) => {
    const whole = marked(text);
    for (let size = 1; size <= whole.length + end.length; size++)
      expect(read(whole, size)).toEqual({ status: "done", value });
  });
});

test("a value that no schema describes is what it looks like", () => {
  const any = (inner: string) => (read(marked(`<any>${inner}</any>`)).value as { any: unknown }).any;
  expect(any("12")).toBe(12);
  expect(any("twelve")).toBe("twelve");
  expect(any("")).toBe("");
  expect(any("<item>1</item><item>a</item>")).toEqual([1, "a"]);
  expect(any("<a>1</a><b><item>true</item></b>")).toEqual({ a: 1, b: [true] });
  expect(read(marked("<other>1</other>")).value).toEqual({ other: 1 });
});

test("an element is closed by any tag, and what is no element is none", () => {
  expect(read(marked("<text>a</txet>"))).toEqual({ status: "done", value: { text: "a" } });
  expect(read("words").status).toBe("failed");
  expect(read(marked(`<${"x".repeat(300)}>a</x>`)).status).toBe("failed");
  expect(read(marked("</text>"), 1).status).toBe("failed");
  expect(read(marked("<text>a"), 1, "").status).toBe("reading");
});

test("nesting has an end, and no text takes more than its length in time or fails otherwise when it is cut elsewhere", () => {
  expect(read(marked("<a>".repeat(10_000))).status).toBe("failed");
  const scraps = ["<text>", "</text>", "<any>", "<item>", "</item>", "<list>", "</list>", "a", "1", " ", ">"].map(
    marked,
  );
  const pieces = fc.array(fc.constantFrom(...scraps, end, form.prefix, "]<]"), { maxLength: 15 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 9 }), (all, size) => {
      const text = all.join("");
      expect(read(text, size)).toEqual(read(text));
    }),
    { numRuns: 500 },
  );
});
