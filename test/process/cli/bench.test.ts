// `caduceus bench`: what it prints as JSON and as a table, and that cached tokens are measured as such.
import { expect, test } from "vitest";
import { load } from "../../../src/index.js";
import { Measures } from "../../../src/cli/bench/measures.js";
import { hermesModel } from "../../support/models.js";
import { cli, runNode } from "../run_program.js";

const quick = ["-p", "32", "-n", "4", "-r", "2", "--streams", "1,3"];
const names = [
  "load",
  "read 32 tokens",
  "first token after 32 tokens",
  "the same, when they are cached",
  "write 4 tokens, one stream",
  "write 4 tokens, 3 streams",
];

test("--json gives every measurement, with medians between the least and the most, and what it was measured on", async () => {
  const { code, stdout } = await runNode(cli, ["bench", ...quick, "-t", "1", "--json"]);
  expect(code).toBe(0);
  const { rows, ...rest } = JSON.parse(stdout) as {
    rows: { name: string; unit: string; median: number; least: number; most: number; values: number[] }[];
  };
  expect(rest).toMatchObject({
    threads: 1,
    nPrompt: 32,
    nGen: 4,
    repetitions: 2,
    streams: [1, 3],
    model: { description: expect.any(String), sizeBytes: expect.any(Number) },
    machine: expect.arrayContaining([expect.any(String)]),
  });
  expect((rest as unknown as { peakMemoryBytes: number }).peakMemoryBytes).toBeGreaterThan(50 * 2 ** 20);
  expect(rows.map(({ name }) => name)).toEqual(names);
  for (const { name, median, least, most, values } of rows) {
    expect(values, name).toHaveLength(2);
    expect(
      values.every((value) => Number.isFinite(value) && value > 0),
      name,
    ).toBe(true);
    expect([least, most], name).toEqual([Math.min(...values), Math.max(...values)]);
    expect(median, name).toBeCloseTo((least + most) / 2);
  }
});

test("what is measured as cached is not computed again: two prompts of 32 and 48 tokens, the second behind the first", async () => {
  await using model = await load(await hermesModel(), { contextSize: 512, prefixFolder: false });
  await new Measures(model, new AbortController().signal).read(32);
  expect(model.stats()).toMatchObject({ promptTokens: 32 + 48, cachedTokens: 32 });
});

test("without it people get a table", async () => {
  const { code, stdout } = await runNode(cli, ["bench", ...quick, "-r", "1"]);
  expect(code).toBe(0);
  for (const name of names) expect(stdout).toContain(name);
  expect(stdout).toMatch(/^Smollm2 .*threads: \d/);
  expect(stdout).toMatch(/Memory at most: \d+ MiB, with room for \d+ cached tokens\.\n$/);
});

test.each([
  [["-n", "1"], "Expected at least 2."],
  [["-r", "0"], "Expected a whole number of at least 1."],
  [["--streams", "1,65"], "Expected at most 64."],
  [["-p", "9000"], "Invalid value for -p/--n-prompt: 9000. Expected at most 8160"],
])("%j is wrong usage", async (args, words) => {
  expect(await runNode(cli, ["bench", ...args])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining(words),
  });
});
