// examples/batch-classifier with a tiny model, whose weights are random.
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { example, runNode, type RunOptions } from "../process/run_program.js";
import { hermesModel } from "../support/models.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-classifier-"));
});
afterAll(() => rm(folder, { recursive: true }));

const file = (name: string) => path.join(folder, name);
const labels = ["billing", "bug", "praise"];
const classify = (input: string, output: string, model: string, options: RunOptions = {}) =>
  runNode(
    example("batch-classifier/classify.mjs"),
    [input, output, "--labels", labels.join(","), "--model", model, "--at-once", "4"],
    options,
  );
const answersIn = async (output: string) =>
  (await readFile(output, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { row: number; text: string; label?: string; error?: string })
    .sort((a, b) => a.row - b.row);

test("each row of a CSV file gets a label, quotes and line ends inside of fields included", async () => {
  const { code, stdout } = await classify(
    example("batch-classifier/tickets.csv"),
    file("csv.jsonl"),
    await hermesModel(),
  );
  expect([code, stdout]).toEqual([0, ""]);
  const answers = await answersIn(file("csv.jsonl"));
  expect(answers.map(({ row }) => row)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(answers[1]!.text).toBe('The export fails with "unknown column" since yesterday.');
  expect(answers[3]!.text).toBe("Hello,\ncan I pay by bank transfer?");
  expect(answers.filter(({ label }) => !labels.includes(label!))).toEqual([]);
});

test("a run goes on after what is there, does a torn line and a changed row again, and notes what cannot be answered", async () => {
  const rows = ["I was charged twice.", "It crashes.", "word ".repeat(3000), "Wonderful!"];
  const write = () => writeFile(file("in.jsonl"), rows.map((text) => JSON.stringify({ text })).join("\n"));
  await write();
  const done = [
    { row: 1, text: rows[0], label: "from before" },
    { row: 2, text: "It crashed.", label: "from before" },
  ];
  await writeFile(file("out.jsonl"), done.map((one) => `${JSON.stringify(one)}\n`).join(""));
  await appendFile(file("out.jsonl"), '{"row":4,"te');
  const { code, stderr } = await classify(file("in.jsonl"), file("out.jsonl"), await hermesModel());
  expect([code, stderr]).toEqual([0, expect.stringContaining("3 rows classified")]);
  const answers = await answersIn(file("out.jsonl"));
  expect(answers.map(({ row, text }) => [row, text])).toEqual([
    [1, rows[0]],
    [2, "It crashed."],
    ...[2, 3, 4].map((row) => [row, rows[row - 1]]),
  ]);
  expect(answers[0]!.label).toBe("from before");
  expect(answers[3]).toMatchObject({ error: "CONTEXT_FULL" });
});

test("Ctrl-C ends it with whole lines, and the same command does the rest", async () => {
  const count = 400;
  const rows = Array.from({ length: count }, (_, index) => JSON.stringify({ text: `Ticket ${index}: it is slow.` }));
  await writeFile(file("many.jsonl"), rows.join("\n"));
  let isStopped = false;
  const first = await classify(file("many.jsonl"), file("many.out.jsonl"), await hermesModel(), {
    onErrorOutput: (stderr, kill) => {
      if (isStopped || !/^[1-9]\d* rows/m.test(stderr)) return;
      isStopped = true;
      kill("SIGINT");
    },
  });
  expect(first).toMatchObject({ code: 130, stderr: expect.stringContaining("goes on from here") });
  const before = (await answersIn(file("many.out.jsonl"))).length;
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(count);
  const second = await classify(file("many.jsonl"), file("many.out.jsonl"), await hermesModel());
  expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining(`${count - before} rows classified`) });
  expect((await answersIn(file("many.out.jsonl"))).map(({ row }) => row)).toEqual(rows.map((_, index) => index + 1));
});

test("wrong usage is told with exit code 2", async () => {
  const { code, stderr } = await runNode(example("batch-classifier/classify.mjs"), ["a.csv", "b.jsonl"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("--labels")]);
});
