// Running an evaluation: what the model is asked, what is kept of its answer, and which failures end the run.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CaduceusError } from "../../../src/errors.js";
import { askOptions, type AskSettings } from "../../../src/evaluation/run/request_options.js";
import { ResultsFile } from "../../../src/evaluation/run/results_file.js";
import { runEvaluation } from "../../../src/evaluation/run/run_evaluation.js";
import type { Sample } from "../../../src/evaluation/sample.js";
import { hermesMarkers, type Script } from "../../support/engines/scripted_engine.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

const settings: AskSettings = { maxTokens: 512, temperature: 0.1, seed: 0 };
const tools = [
  { type: "function", function: { name: "f", parameters: { type: "object", properties: { a: { type: "integer" } } } } },
] as const;
const sample = (key: string, more: Partial<Sample> = {}): Sample => ({
  key,
  group: "all",
  messages: [{ role: "user", content: `Question ${key}.` }],
  tools,
  judge: () => ({}),
  ...more,
});

let folder: string;
let results: ResultsFile;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "caduceus-run-"));
  results = ResultsFile.open(path.join(folder, "results.jsonl"), { model: "scripted" });
});
afterEach(() => {
  results.close();
  rmSync(folder, { recursive: true });
});

async function run(
  samples: readonly Sample[],
  script: Script,
  more: Partial<AskSettings & { concurrency: number; signal: AbortSignal }> = {},
) {
  const { model, engine } = await scriptedModel({ markers: hermesMarkers, ...script });
  const { signal = new AbortController().signal, ...rest } = more;
  const told: string[] = [];
  await runEvaluation(model, samples, results, { ...settings, concurrency: 2, ...rest }, signal, ({ key }) =>
    told.push(key),
  );
  return { engine, told };
}

describe("an answer", () => {
  test("keeps the raw text with its tags as the model wrote them, and the calls as the library reads them", async () => {
    const written =
      "Sure.\n<tool_call>\n{'name': 'f', 'arguments': {'a': 5.0,}}\n</tool_call>\n<tool_call>{\"name\": \"g\", \"arguments\": {}}";
    await run([sample("a")], { answer: () => written });
    expect(results.answers.get("a")).toMatchObject({
      text: written,
      calls: [
        { name: "f", argumentsText: '{"a": 5.0}', repaired: true },
        { name: "g", argumentsText: "{}", problem: "unknown-tool" },
      ],
      malformed: 0,
      finishReason: "tool-calls",
      generatedTokens: [...written].length,
    });
  });

  test("that the token limit cut off says so", async () => {
    await run(
      [sample("a")],
      { answer: () => '<tool_call>{"name": "f", "arguments": {"a": 5}}</tool_call>' },
      { maxTokens: 20 },
    );
    expect(results.answers.get("a")).toMatchObject({
      incomplete: true,
      calls: [],
      finishReason: "length",
      generatedTokens: 20,
    });
  });

  test("from an engine that gives no log probabilities is written down from what was read", async () => {
    await run([sample("a")], {
      answer: () => 'Yes. <tool_call>{"arguments": {"a": 5.0}, "name": "f"}</tool_call>',
      logProbabilities: false,
    });
    expect(results.answers.get("a")?.text).toBe(
      'Yes.\n<tool_call>\n{"name": "f", "arguments": {"a": 5.0}}\n</tool_call>',
    );
  });

  test("by a schema is the JSON alone", async () => {
    await run(
      [
        {
          key: "a",
          group: "all",
          messages: [{ role: "user", content: "x" }],
          schema: { type: "object" },
          judge: () => ({}),
        },
      ],
      { answer: () => '{"a": 1}' },
    );
    expect(results.answers.get("a")).toMatchObject({ text: '{"a": 1}', calls: [] });
  });
});

describe("a run", () => {
  const samples = ["a", "b", "c", "d", "e", "f"].map((key) => sample(key));

  test("asks what is not answered yet, each once, and never more at a time than asked for", async () => {
    results.add("b", { text: "before", calls: [], malformed: 0, promptTokens: 1, generatedTokens: 1, durationMs: 1 });
    let most = 0;
    const { model, engine } = await scriptedModel({ markers: hermesMarkers, answer: () => "No." });
    const submit = engine.submit.bind(engine);
    engine.submit = (request) => {
      const made = submit(request);
      most = Math.max(most, engine.stats().running);
      return made;
    };
    const told: string[] = [];
    await runEvaluation(
      model,
      samples,
      results,
      { ...settings, concurrency: 3 },
      new AbortController().signal,
      ({ key }) => told.push(key),
    );
    expect(told.sort()).toEqual(["a", "c", "d", "e", "f"]);
    expect(results.answers.get("b")?.text).toBe("before");
    expect(engine.requests).toHaveLength(5);
    expect(most).toBe(3);
  });

  test("writes down a question that cannot be asked and goes on", async () => {
    const long = sample("long", { messages: [{ role: "user", content: "word ".repeat(2000) }] });
    const broken = sample("broken", {
      tools: [{ type: "function", function: { name: "f", parameters: { type: "person" } } }],
    });
    await run([long, broken, sample("a")], { answer: () => "No." });
    expect(results.answers.get("long")?.error).toMatch(/CONTEXT_FULL/);
    expect(results.answers.get("broken")?.error).toMatch(/INVALID_SCHEMA/);
    expect(results.answers.get("a")).toMatchObject({ text: "No." });
  });

  test("ends at the first failure that is not of one question, with that failure", async () => {
    const failure = new CaduceusError("ENGINE_FAILED", "The engine is gone.");
    await expect(run(samples, { answer: () => "No.", failAfter: { tokens: 1, error: failure } })).rejects.toBe(failure);
    expect(results.answers.size).toBe(0);
  });

  test("refuses an option that the engine has not, instead of writing down as many failures", async () => {
    await expect(run(samples, {}, { toolChoice: "required" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(results.answers.size).toBe(0);
  });

  test("that is aborted rejects with the signal's reason and keeps what was answered", async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    let asked = 0;
    const running = run(
      samples,
      { answer: () => (++asked === 4 ? (abort.abort(reason), "Late.") : "No.") },
      { concurrency: 1, signal: abort.signal },
    );
    await expect(running).rejects.toBe(reason);
    expect([...results.answers.keys()]).toEqual(["a", "b", "c"]);
  });
});

describe("options", () => {
  const all: AskSettings = {
    ...settings,
    constrained: false,
    toolChoice: "required",
    callOrder: "arguments-first",
    parallelCalls: false,
    parallelHint: true,
    untaggedCalls: "rewrite",
    promptVariant: "tool-use",
  };

  test("reach the library under its names, those about tools only where there are tools", () => {
    expect(askOptions(sample("a"), all)).toMatchObject({
      maxTokens: 512,
      temperature: 0.1,
      tools,
      constrained: false,
      toolChoice: "required",
      callOrder: "arguments-first",
      parallelToolCalls: false,
      parallelHint: true,
      untaggedCalls: "rewrite",
      promptVariant: "tool-use",
    });
    const { seed, ...rest } = askOptions(
      { key: "a", group: "all", messages: [], schema: { type: "object" }, judge: () => ({}) },
      all,
    );
    expect(rest).toEqual({ maxTokens: 512, temperature: 0.1, constrained: false, schema: { type: "object" } });
    expect(seed).toEqual(expect.any(Number));
  });

  test("leave alone what nobody set", () => {
    expect(
      Object.keys(askOptions(sample("a"), settings))
        .filter((name) => name !== "toolChoice" && name !== "promptVariant")
        .sort(),
    ).toEqual(["maxTokens", "seed", "temperature", "tools"]);
  });

  test("give a sample the same seed whatever else is asked, and another one another", () => {
    const seeds = ["a", "b"].map((key) => askOptions(sample(key), settings).seed);
    expect(askOptions(sample("a", { group: "other" }), settings).seed).toBe(seeds[0]);
    expect(seeds[1]).not.toBe(seeds[0]);
    expect(askOptions(sample("a"), { ...settings, seed: 1 }).seed).not.toBe(seeds[0]);
  });
});
