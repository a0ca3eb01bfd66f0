// Fear: a fault of our own while a caller's value is read is called the caller's.
import { expect, test, vi } from "vitest";
import { collectTools, tool } from "../../../../src/chat/tools/tool.js";

const fault = new TypeError("a fault of ours");
vi.mock("../../../../src/schema/read_schema.js", async (original) => ({
  ...(await original<typeof import("../../../../src/schema/read_schema.js")>()),
  // biome-ignore lint/correctness/useYield: it fails before its first slice
  *readSchemaInSlices(): Generator<void, never> {
    throw fault;
  },
}));

const definition = { name: "look", parameters: { type: "object" } } as const;

test("a TypeError inside the reading of a tool's schema stays a TypeError", () => {
  expect(() => tool(definition)).toThrow(fault);
  expect(() => collectTools([definition])).toThrow(fault);
  expect(() => collectTools([{ type: "function", function: definition }])).toThrow(fault);
});

test("what a caller's own getter throws is the caller's", () => {
  const given = {
    get name(): string {
      throw new TypeError("a fault of theirs");
    },
  };
  for (const work of [() => tool(given), () => collectTools([given])])
    expect(work).toThrow(expect.objectContaining({ name: "CaduceusError", code: expect.stringMatching(/^INVALID_/) }));
});
