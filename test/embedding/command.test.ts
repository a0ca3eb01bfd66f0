// `caduceus embed`, as scripts use it.
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cli, runNode } from "../process/run_program.js";
import { bertModel } from "../support/gguf/bert_model.mjs";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-embed-"))));
afterAll(() => rm(folder, { recursive: true }));

const embed = (...args: string[]) => runNode(cli, ["embed", "-m", bertModel("mean"), ...args]);

interface Line {
  readonly line: number;
  readonly id?: unknown;
  readonly embedding?: readonly number[];
  readonly truncated?: true;
  readonly error?: { readonly code: string };
}
const read = (file: string): Line[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
    .toSorted((a, b) => a.line - b.line);

test("one text gives one object", async () => {
  const { code, stdout } = await embed("--dimensions", "8", "a", "cat", "sat");
  expect(code).toBe(0);
  const { embedding, usage } = JSON.parse(stdout) as { embedding: number[]; usage: { promptTokens: number } };
  expect(embedding).toHaveLength(8);
  expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
  expect(usage.promptTokens).toBeGreaterThan(3);
});

test("many lines are answered once each, wrong ones with their error, and later ones when they come", async () => {
  const [input, output] = [path.join(folder, "texts.jsonl"), path.join(folder, "embeddings.jsonl")];
  const lines = [{ id: "a", text: "a cat" }, { text: "" }, { text: "word ".repeat(400) }, {}, { text: "a dog" }];
  await writeFile(input, `${lines.map((line) => JSON.stringify(line)).join("\n")}\nnonsense\n`);
  const first = await embed("--input", input, "--output", output);
  expect(first.code).toBe(1);
  expect(read(output).map(({ line, id, embedding, error }) => [line, id, embedding?.length, error?.code])).toEqual([
    [1, "a", 128, undefined],
    [2, undefined, undefined, "INVALID_ARGUMENT"],
    [3, undefined, undefined, "CONTEXT_FULL"],
    [4, undefined, undefined, "INVALID_ARGUMENT"],
    [5, undefined, 128, undefined],
    [6, undefined, undefined, "INVALID_ARGUMENT"],
  ]);
  await writeFile(input, `${JSON.stringify({ text: "a bird" })}\n`, { flag: "a" });
  await embed("--input", input, "--output", output);
  expect(read(output).map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  const other = await embed("--input", input, "--output", output, "--truncate");
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("other settings")]);
  const cut = path.join(folder, "cut.jsonl");
  await embed("--input", input, "--output", cut, "--truncate");
  expect(read(cut)[2]).toMatchObject({ truncated: true });
});

test.each([
  [[], "Expected a text, or --input"],
  [["--input", "x", "a"], "Expected either --input or a text"],
  [["--output", "x", "a"], "Expected --input with --output"],
  [["--pooling", "max", "a"], "Allowed choices are mean, cls, last"],
  [["--dimensions", "129", "a"], "Invalid value for --dimensions: 129"],
])("%j is wrong usage, and says why", async (args, message) => {
  const { code, stderr } = await embed(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
