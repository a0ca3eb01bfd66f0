// `caduceus eval` as scripts use it, and what a kill leaves behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cli, runNode, type RunOptions } from "../run_program.js";

const caduceus = (args: string[], options?: RunOptions) => runNode(cli, ["eval", ...args], options);
const short = ["-n", "8", "-c", "1024"];
/** Long enough to be ended in the middle. */
const longer = ["-n", "30", "-c", "1024"];
const cities = ["Paris", "Rome", "Oslo", "Lima", "Cairo", "Delhi", "Quito", "Tunis"];
let folder: string;
let calls: string;
let json: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-eval-"));
  calls = path.join(folder, "calls.jsonl");
  json = path.join(folder, "json.jsonl");
  const weather = {
    type: "function",
    function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  };
  await writeFile(
    calls,
    cities
      .map(
        (city) =>
          `${JSON.stringify({
            prompt: [{ role: "user", content: `How warm is it in ${city}?` }],
            tools: JSON.stringify([weather]),
            completion: JSON.stringify([{ name: "weather", arguments: { city } }]),
          })}\n`,
      )
      .join(""),
  );
  const schema = JSON.stringify({ type: "object", properties: { city: { type: "string" } }, required: ["city"] });
  await writeFile(
    json,
    cities
      .map(
        (city) =>
          `${JSON.stringify({ prompt: [{ role: "user", content: `The city is ${city}.` }], schema, completion: JSON.stringify({ city }) })}\n`,
      )
      .join(""),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const lines = async (out: string) =>
  (await readFile(path.join(out, "results.jsonl"), "utf8").catch(() => "")).split("\n").slice(0, -1);
const keys = async (out: string) =>
  (await lines(out)).slice(1).map((line) => (JSON.parse(line) as { key: string }).key);
const allKeys = cities.map((_, index) => String(index));

describe("eval function-calling", () => {
  test("killed in the middle, with half a line left behind, it goes on without losing or doubling a sample", async () => {
    const out = path.join(folder, "killed");
    const args = ["function-calling", calls, ...longer, "--concurrency", "2", "--out", out];
    const child = spawn(process.execPath, [cli, "eval", ...args], { stdio: "ignore" });
    while ((await lines(out)).length < 3 && child.exitCode === null) await sleep(5);
    child.kill("SIGKILL");
    await once(child, "exit");
    const before = await lines(out);
    expect(before.length).toBeGreaterThanOrEqual(3);
    expect(before.length).toBeLessThan(1 + cities.length);
    await appendFile(path.join(out, "results.jsonl"), '{"key":"7","text":"half a li');

    const { code, stdout, stderr } = await caduceus(args);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`${before.length - 1} of 8 answers are there from an earlier run`),
    });
    expect(stdout).toMatch(/^all +8 /m);
    expect((await lines(out)).slice(0, before.length)).toEqual(before);
    expect((await keys(out)).sort()).toEqual(allKeys);
  });

  test("SIGINT keeps the answers so far and ends with exit code 130", async () => {
    const out = path.join(folder, "interrupted");
    const child = spawn(
      process.execPath,
      [cli, "eval", "function-calling", calls, ...longer, "--concurrency", "1", "--out", out],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    while ((await lines(out)).length < 3 && child.exitCode === null) await sleep(5);
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number];
    const kept = (await keys(out)).length;
    expect(code).toBe(130);
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(kept).toBeLessThan(cities.length);
    expect(stderr).toContain(`${kept} answers are kept in ${out}; the same command goes on from them.`);
  });

  test("asks the first so many, then more in the same folder, then nothing again; other settings are refused, --fresh begins anew", async () => {
    const out = path.join(folder, "limited");
    const args = ["function-calling", calls, ...short, "--out", out];
    expect(await caduceus([...args, "--limit", "2"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^all +2 /m),
    });
    const first = await lines(out);
    expect(await caduceus([...args, "--limit", "3", "--concurrency", "1"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^all +3 /m),
    });
    expect((await lines(out)).slice(0, 3)).toEqual(first);
    const again = await caduceus([...args, "--limit", "3", "--json"]);
    expect(again.stderr).not.toContain("answered");
    const report = JSON.parse(again.stdout) as { total: object; failures: { key: string; reasons: object }[] };
    expect(report).toMatchObject({
      run: { evaluation: "function-calling", model: "smollm2", maxTokens: 8, temperature: 0.1 },
      scores: ["official", "corrected"],
      total: { samples: 3 },
    });
    expect(JSON.parse(await readFile(path.join(out, "report.json"), "utf8"))).toEqual(report);
    for (const failure of report.failures)
      expect(failure).toMatchObject({
        key: expect.any(String),
        text: expect.any(String),
        reasons: { corrected: expect.any(String) },
      });

    const other = await caduceus([...args, "--limit", "3", "--seed", "1"]);
    expect(other).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("seed was 0 and is 1. Give another --out, or --fresh to begin anew."),
    });
    expect(await caduceus([...args, "--limit", "1", "--seed", "1", "--fresh"])).toMatchObject({ code: 0 });
    expect(await keys(out)).toEqual(["0"]);
  });

  test("--deterministic gives the same answer twice with a seed", async () => {
    const run = async (name: string) => {
      const out = path.join(folder, name);
      const { stderr } = await caduceus([
        "function-calling",
        calls,
        ...short,
        "--limit",
        "1",
        "--deterministic",
        "--seed",
        "7",
        "--temp",
        "1",
        "--out",
        out,
      ]);
      expect(stderr).toContain("1 of 1 answered");
      return (await lines(out)).slice(1).map((line) => (JSON.parse(line) as { text: string }).text);
    };
    const first = await run("seed-7");
    expect(first).toHaveLength(1);
    expect(await run("seed-7-again")).toEqual(first);
  });
});

test("eval json counts both scores and keeps what the model wrote", async () => {
  const out = path.join(folder, "json");
  const { code, stdout } = await caduceus(["json", json, ...short, "--limit", "4", "--json", "--out", out]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    run: { evaluation: "json" },
    total: { samples: 4, passed: { official: expect.any(Number), corrected: expect.any(Number) } },
  });
  for (const line of (await lines(out)).slice(1))
    expect(JSON.parse(line)).toMatchObject({
      text: expect.stringMatching(/\S/),
      calls: [],
      generatedTokens: expect.any(Number),
    });
});

describe("what is wrong is said before the model is asked", () => {
  test.each<[string, () => string[], string]>([
    ["a missing file", () => ["function-calling", "/nowhere.jsonl"], "There is no file /nowhere.jsonl."],
    [
      "a file of another form",
      () => ["function-calling", json],
      "json.jsonl, line 1: Expected a column tools but there are prompt, schema, completion.",
    ],
    [
      "a category with a file",
      () => ["function-calling", calls, "--category", "parallel"],
      "Expected no --category but with berkeley",
    ],
    [
      "an unknown category",
      () => ["function-calling", "berkeley", "--category", "simple"],
      "Expected categories among simple_python, multiple",
    ],
    ["no source", () => ["function-calling"], "missing required argument 'source'"],
    ["a count that is none", () => ["json", json, "--limit", "0"], "Expected a whole number of at least 1."],
    ["neither yes nor no", () => ["json", json, "--constrained", "maybe"], "Allowed choices are yes, no."],
    ["no command", () => [], "Usage: caduceus eval"],
  ])("%s is wrong usage: exit code 2, nothing on standard output", async (_, args, words) => {
    const { code, stdout, stderr } = await caduceus(args(), { env: { CADUCEUS_CACHE: folder } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("a missing model is a failure with exit code 1, and leaves no answer", async () => {
    const out = path.join(folder, "no-model");
    expect(await caduceus(["json", json, "-m", "/nowhere.gguf", "--out", out])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("MODEL_NOT_FOUND"),
    });
    expect(await keys(out)).toEqual([]);
  });
});

test("help goes to standard output, explains the scores and names the exit codes", async () => {
  for (const args of [["--help"], ["function-calling", "--help"], ["json", "--help"]]) {
    const { code, stdout, stderr } = await caduceus(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.");
    expect(stdout).toContain("Examples:");
    if (args.length > 1) expect(stdout).toMatch(/official +as the published scores are counted/);
  }
});
