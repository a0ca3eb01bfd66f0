// Many prompts in one run, as scripts use it: killed, started again, and given what is wrong.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cli, run, runNode, type RunOptions } from "../run_program.js";

interface Answer {
  readonly line: number;
  readonly id?: string | number;
  readonly text?: string;
  readonly value?: unknown;
  readonly toolCalls?: { readonly name: string; readonly arguments: unknown }[];
  readonly error?: { readonly code: string; readonly message: string };
}

const fixed = ["--temp", "0", "-n", "4"];
let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-batch-"))));
afterAll(() => rm(folder, { recursive: true }));

const inFolder = (name: string) => path.join(folder, name);
const batch = (args: string[], options?: RunOptions) => runNode(cli, ["run", ...fixed, ...args], options);
const write = (name: string, lines: readonly (object | string)[]) =>
  writeFile(
    inFolder(name),
    lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""),
  );
const parse = (text: string) =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Answer);
const read = (name: string) => parse(readFileSync(inFolder(name), "utf8"));
const inOrder = (answers: Answer[]) => answers.toSorted((a, b) => a.line - b.line);

test("killed again and again in the middle, it ends with every line once, as if nothing had happened", async () => {
  const count = 40;
  await write(
    "many.jsonl",
    Array.from({ length: count }, (_, index) => ({
      id: `id ${index % 12}`,
      prompt: `Say something about the number ${index}.`,
    })),
  );
  const args = [
    cli,
    "run",
    ...fixed,
    "--input",
    inFolder("many.jsonl"),
    "--output",
    inFolder("killed.jsonl"),
    "--concurrency",
    "3",
  ];
  for (const enough of [3, 9]) {
    const child = spawn(process.execPath, args, { stdio: "ignore" });
    const ended = once(child, "exit");
    const watch = setInterval(() => {
      if (
        existsSync(inFolder("killed.jsonl")) &&
        readFileSync(inFolder("killed.jsonl"), "utf8").split("\n").length > enough
      )
        child.kill("SIGKILL");
    }, 2);
    expect((await ended)[1]).toBe("SIGKILL");
    clearInterval(watch);
  }
  const before = readFileSync(inFolder("killed.jsonl"), "utf8").split("\n").length - 1;
  expect(before).toBeLessThan(count);
  const { code, stdout, stderr } = await runNode(args[0]!, args.slice(1));
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toMatch(new RegExp(`^${count - before} answered, .* tokens/s; 0 failed\\.`));
  const answers = inOrder(read("killed.jsonl"));
  expect(answers.map(({ line, id }) => [line, id])).toEqual(
    Array.from({ length: count }, (_, index) => [index + 1, `id ${index % 12}`]),
  );
  expect(answers.every(({ text, error }) => text !== "" && error === undefined)).toBe(true);

  // All is there: no model is loaded for that.
  const again = await batch([...args.slice(args.indexOf("--input")), "-m", "smollm2"]);
  expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/^0 answered; 0 failed/) });
  expect(read("killed.jsonl")).toHaveLength(count);
});

test("a line that is wrong fails alone, with a code; the others are answered by their own options", async () => {
  const person = {
    type: "object",
    properties: { name: { type: "string" }, age: { type: "integer" } },
    required: ["name", "age"],
    additionalProperties: false,
  };
  const weather = {
    type: "function",
    function: {
      name: "get_weather",
      parameters: {
        type: "object",
        properties: { city: { enum: ["Paris"] } },
        required: ["city"],
        additionalProperties: false,
      },
    },
  };
  await write("mixed.jsonl", [
    { id: 1, prompt: "Say hi." },
    "nonsense",
    "",
    { id: "limit", prompt: "Say hi.", maxTokens: -1 },
    { id: "unknown", prompt: "Say hi.", tempratur: 1 },
    { messages: [{ role: "nobody", content: "x" }] },
    { prompt: "word ".repeat(2000) },
    { prompt: "Anna is 31.", schema: person, maxTokens: 60 },
    { prompt: "Anna is 31.", schema: person, maxTokens: 2 },
    { prompt: "Weather?", tools: [weather], toolChoice: "required", parallelToolCalls: false, maxTokens: 60 },
    { messages: [{ role: "user", content: "Say hi." }] },
  ]);
  const { code, stdout, stderr } = await batch(["-c", "1024", "--input", inFolder("mixed.jsonl")]);
  expect(code).toBe(1);
  expect(stderr).toContain("10 answered");
  expect(stderr).toContain("6 failed. Answers: standard output.");
  const answers = inOrder(parse(stdout));
  expect(answers.map(({ line, error }) => [line, error?.code])).toEqual([
    [1, undefined],
    [2, "INVALID_ARGUMENT"],
    [4, "INVALID_ARGUMENT"],
    [5, "INVALID_ARGUMENT"],
    [6, "INVALID_MESSAGES"],
    [7, "CONTEXT_FULL"],
    [8, undefined],
    [9, "INCOMPLETE"],
    [10, undefined],
    [11, undefined],
  ]);
  const of = (line: number) => answers.find((answer) => answer.line === line);
  expect(of(1)).toMatchObject({
    id: 1,
    text: expect.stringMatching(/./),
    finishReason: expect.any(String),
    usage: { generatedTokens: expect.any(Number) },
  });
  expect(of(5)?.error?.message).toContain("Did you mean temperature?");
  expect(of(8)?.value).toEqual({ name: expect.any(String), age: expect.any(Number) });
  expect(of(10)?.toolCalls).toMatchObject([{ name: "get_weather", arguments: { city: "Paris" } }]);
  expect(of(11)?.text).toBe(of(1)?.text);
});

test("takes standard input too, refuses answers to other lines, and asks what failed again", async () => {
  const output = ["--input", "-", "--output", inFolder("piped.jsonl")];
  const lines = ['{"prompt": "Say hi."}', '{"prompt": ""}', '{"prompt": "Say no."}'];
  expect(await batch(output, { input: lines.join("\n") })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("1 failed"),
  });
  const first = read("piped.jsonl");
  expect(inOrder(first).map(({ error }) => error?.code)).toEqual([undefined, "INVALID_ARGUMENT", undefined]);
  expect(await batch(output, { input: [lines[0], lines[1], '{"prompt": "Another."}'].join("\n") })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("line 3 has changed"),
  });
  expect(await batch(output, { input: lines.slice(0, 1).join("\n") })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no line 3"),
  });
  expect(await batch([...output, "-s", "Be brief."], { input: lines.join("\n") })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("made with other settings"),
  });
  expect(read("piped.jsonl")).toEqual(first);
  expect(await batch([...output, "--retry-errors"], { input: lines.join("\n") })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^1 answered; 1 failed/),
  });
  expect(inOrder(read("piped.jsonl"))).toEqual(inOrder(first));
});

test("a reader that has seen enough ends it quietly, and an interruption says what is kept", async () => {
  await write(
    "long.jsonl",
    Array.from({ length: 100 }, (_, index) => ({ prompt: `Count from ${index}.`, maxTokens: 12 })),
  );
  const piped = await run("sh", [
    "-c",
    `"$0" "$1" run --input "$2" | head -1`,
    process.execPath,
    cli,
    inFolder("long.jsonl"),
  ]);
  expect({ code: piped.code, stderr: piped.stderr, lines: parse(piped.stdout).length }).toEqual({
    code: 0,
    stderr: "",
    lines: 1,
  });

  const child = spawn(
    process.execPath,
    [cli, "run", "--input", inFolder("long.jsonl"), "--output", inFolder("interrupted.jsonl")],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  const ended = once(child, "close");
  const watch = setInterval(() => {
    if (
      existsSync(inFolder("interrupted.jsonl")) &&
      readFileSync(inFolder("interrupted.jsonl"), "utf8").includes("\n")
    ) {
      clearInterval(watch); // A second one would end it at once.
      child.kill("SIGINT");
    }
  }, 5);
  expect(await ended).toEqual([130, null]);
  expect(told).toContain("The same command goes on from there.");
  expect(read("interrupted.jsonl").length).toBeGreaterThan(0);
});

test.each([
  ["a prompt besides", ["--input", "x.jsonl", "Hi"], "Expected either --input or a prompt."],
  ["--output alone", ["--output", "x.jsonl", "Hi"], "Expected --input with --output"],
  ["a missing file", ["--input", "/nowhere/at/all"], "There is no file /nowhere/at/all."],
  ["no streams at all", ["--input", "x.jsonl", "--concurrency", "0"], "Expected a whole number of at least 1."],
  ["the same file twice", ["--input", cli, "--output", cli], "Expected --output to be another file than --input."],
  [
    "answers that are none",
    ["--input", cli, "--output", path.join(path.dirname(cli), "../index.js")],
    "line 1 is no answer of caduceus run",
  ],
  ["a wrong flag for every line", ["--input", cli, "--top-p", "2"], "for --top-p: 2"],
])("%s is wrong usage: exit code 2, nothing on standard output", async (_, args, words) => {
  const { code, stdout, stderr } = await batch(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(words);
});
