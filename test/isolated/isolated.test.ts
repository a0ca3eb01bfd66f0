// Fear: a model in another process behaves otherwise than one in this.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, tool, type Model, type ReplyEvent } from "../../src/index.js";
import { program, runNode } from "../process/run_program.js";
import { enginesOf, isGone, nextEngine } from "./child_processes.js";

const options = { contextSize: 1024, prefixFolder: false } as const;
let here: Model;
let there: Model;
beforeAll(async () => {
  here = await load("smollm2", options);
  there = await load("smollm2", { ...options, isolate: true });
});
afterAll(() => Promise.all([here.close(), there.close()]));

const weather = tool({
  name: "weather",
  description: "Tells the weather.",
  parameters: { type: "object", properties: { city: { type: "string", maxLength: 12 } }, required: ["city"] },
  execute: ({ city }: { city?: string }) => `Rain in ${city}.`,
});
const greedy = { temperature: 0, maxTokens: 32 } as const;

/** What of the events does not depend on time: text as a whole, and everything else in order. */
async function seen(events: AsyncIterable<ReplyEvent>): Promise<unknown> {
  let text = "";
  const others: string[] = [];
  for await (const event of events)
    if (event.type === "text") text += event.text;
    else if (event.type !== "tool-call-delta") others.push(event.type);
  return { text, others };
}

test.each([
  ["text", (model: Model) => model.reply("Why is the sky blue?", greedy)],
  [
    "JSON by a schema",
    (model: Model) =>
      model.reply("Anna is 7.", {
        ...greedy,
        schema: { type: "object", properties: { name: { type: "string", maxLength: 9 } }, required: ["name"] },
      }),
  ],
  [
    "calls of tools, and what follows",
    (model: Model) => model.reply("Weather in Rome?", { ...greedy, tools: [weather], toolChoice: "required" }),
  ],
  ["log probabilities", (model: Model) => model.reply("Hi!", { ...greedy, logProbabilities: true })],
  ["the continuation of a raw prompt", (model: Model) => model.complete("One, two,", greedy)],
])("%s is the same from either", async (_, ask) => {
  expect(await seen(ask(there))).toEqual(await seen(ask(here)));
  const [a, b] = [await ask(here), await ask(there)].map((result) =>
    // Times differ, and ids of calls are made up.
    JSON.stringify({ ...result, timings: 0, usage: 0, rounds: 0 }).replaceAll(/"id":"\w+"|"tool_call_id":"\w+"/g, ""),
  );
  expect(b).toEqual(a);
});

test("info, capabilities and tokens are the same", async () => {
  expect({ ...there.info, threads: 0 }).toEqual({ ...here.info, threads: 0 });
  expect(there.capabilities).toEqual(here.capabilities);
  const tokens = await here.tokenize("Grüße 👋");
  expect(await there.tokenize("Grüße 👋")).toEqual(tokens);
  expect(await there.detokenize(tokens)).toEqual(await here.detokenize(tokens));
  expect(await there.tokenBytes(tokens)).toEqual(await here.tokenBytes(tokens));
  expect((await there.embed("Hello!")).embeddings).toEqual((await here.embed("Hello!")).embeddings);
});

test.each([
  [{ maxTokens: -1 }],
  [{ regex: "(?<=a)b" }],
  [{ schema: { type: "string", minLength: 5, maxLength: 2 } }],
  [{ tools: [{ ...weather, name: "two words" }] }],
])("what is wrong with %j is said alike", async (wrong) => {
  const failure = async (model: Model) => {
    try {
      await model.reply("Hi!", wrong as object);
      return undefined;
    } catch (error) {
      const { code, message, param, remedy } = error as Record<string, unknown>;
      return { code, message, param, remedy };
    }
  };
  expect(await failure(there)).toEqual(await failure(here));
});

test("a prompt beyond the context is refused with the same words, short or long", async () => {
  for (const times of [3000, 2_000_000]) {
    const text = "word ".repeat(times);
    const said = async (model: Model) => model.reply(text).then(undefined, (error: Error) => error.message);
    expect(await said(there)).toBe(await said(here));
  }
});

test("a cancelled reply stops the engine, before its first token and after", async () => {
  const stopped = new AbortController();
  const reply = there.reply("Count to a thousand.", { maxTokens: 900, minTokens: 900, signal: stopped.signal });
  for await (const _ of reply.textStream) break;
  const early = there.reply("word ".repeat(900), { signal: AbortSignal.timeout(5) });
  await expect(early).rejects.toMatchObject({ name: "TimeoutError" });
  await expect.poll(() => there.stats().running + there.stats().queued).toBe(0);
});

test("who reads slowly pauses the run, and gets every token", async () => {
  const reply = there.reply("Count to a thousand.", { maxTokens: 600, minTokens: 600, temperature: 0 });
  const events = reply[Symbol.asyncIterator]();
  await events.next();
  await expect.poll(() => there.stats().paused).toBe(1);
  expect(there.stats().generatedTokens).toBeGreaterThan(0);
  let last: ReplyEvent | undefined;
  for (let step; !(step = await events.next()).done; ) last = step.value;
  expect(last).toMatchObject({ type: "finish", usage: { generatedTokens: 600 } });
});

test("models that give one name share a process and answer at once; it ends with the last, a crash or not", async () => {
  const [own] = enginesOf();
  const others = () => enginesOf().filter((pid) => pid !== own);
  const shared = { ...options, isolate: "together" };
  const [a, b] = await Promise.all([load("smollm2", shared), load("smollm2", shared)]);
  const processes = others();
  expect(processes.length).toBe(1);
  const questions = ["What is the capital of France?", "Why is the sky blue?"] as const;
  const texts = async (...models: [Model, Model]) =>
    (await Promise.all(models.map((model, n) => model.reply(questions[n]!, greedy)))).map(({ text }) => text);
  expect(await texts(a, b)).toEqual(await texts(here, here));
  const cut = a.reply("Count to a thousand.", { maxTokens: 900, minTokens: 900 });
  await cut[Symbol.asyncIterator]().next();
  process.kill(processes[0]!, "SIGKILL");
  await a.close();
  await expect(cut).rejects.toMatchObject({ code: expect.stringMatching(/^(ENGINE_CRASHED|MODEL_CLOSED)$/) });
  expect((await b.reply("Hi!", greedy)).usage.generatedTokens).toBeGreaterThan(0);
  await b.close();
  expect(others()).toEqual([]);
});

test("a file that is no model is refused as it is here, and leaves no process", async () => {
  const [own] = enginesOf();
  const failed = async (isolate: boolean) =>
    load("package.json", { isolate }).then(undefined, ({ code, message }: Error & { code: string }) => [code, message]);
  expect(await failed(true)).toEqual(await failed(false));
  expect(enginesOf()).toEqual([own]);
});

test("loading can be stopped, and its progress is told", async () => {
  const fractions: number[] = [];
  const model = await load("smollm2", {
    ...options,
    isolate: true,
    onProgress: ({ stage, fraction }) => void (stage === "load" && fractions.push(fraction)),
  });
  await model.close();
  expect(fractions.length).toBeGreaterThan(2);
  expect(fractions.at(-1)).toBe(1);
  await expect(load("smollm2", { ...options, isolate: true, signal: AbortSignal.timeout(60) })).rejects.toMatchObject({
    name: "TimeoutError",
  });
});

test.each(["", " ", 5, null])("isolate: %j is refused", async (isolate) => {
  await expect(load("smollm2", { isolate: isolate as string })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    param: "isolate",
  });
});

test.each(["killed", "exit", "exception", "dropped", "restarted", "terminated", "end"])(
  "a program that ends (%s) leaves no process",
  async (how) => {
    const { stdout } = await runNode(program("isolated.mjs"), [how]);
    const pid = Number(stdout.trim().split("\n")[0]);
    expect(pid).toBeGreaterThan(0);
    expect(await isGone(pid)).toBe(true);
    // It was gone while the program still ran.
    if (how === "dropped" || how === "terminated") expect(stdout).toContain("gone");
    // The program waited for what it had asked.
    if (how === "restarted") expect(stdout).toContain("answered");
  },
);

test("Ctrl-C at a terminal goes to the program alone", async () => {
  const pid = await nextEngine();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(pid, signal);
  expect((await there.reply("Hi!", greedy)).usage.generatedTokens).toBeGreaterThan(0);
  expect(enginesOf()).toContain(pid);
});
