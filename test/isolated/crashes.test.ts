// Fear: a crash of native code ends the program, hangs a reply, loses what comes later, or leaves a process behind.
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CaduceusError, load, type Model, type Reply } from "../../src/index.js";
import { createHandler, listen } from "../../src/server/index.js";
import { enginesOf, isGone, nextEngine } from "./child_processes.js";

let model: Model;
let engine: number;
beforeEach(async () => {
  model = await load("smollm2", { isolate: true, contextSize: 1024, prefixFolder: false });
  engine = await nextEngine();
});
afterEach(async () => {
  await model.close();
  expect(enginesOf()).toEqual([]);
});

const greedy = { temperature: 0, maxTokens: 24 };
const endless = { maxTokens: 900, minTokens: 900 };

/** Reads a reply; `begun` once it has said something. */
function read(reply: Reply): { readonly begun: Promise<void>; readonly code: Promise<string | undefined> } {
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const code = (async () => {
    try {
      for await (const _ of reply.textStream) begin();
      return undefined;
    } catch (error) {
      return (error as CaduceusError).code;
    } finally {
      begin();
    }
  })();
  return { begun, code };
}

test.each(["SIGKILL", "SIGSEGV", "SIGABRT"] as const)(
  "%s in the middle of replies rejects each with ENGINE_CRASHED, and the next reply is answered",
  async (signal) => {
    const before = await model.reply("What is the capital of France?", greedy);
    const replies = Array.from({ length: 4 }, () => read(model.reply("Count to a thousand.", endless)));
    await Promise.all(replies.map(({ begun }) => begun));
    process.kill(engine, signal);
    expect(await Promise.all(replies.map(({ code }) => code))).toEqual(replies.map(() => "ENGINE_CRASHED"));
    const after = await model.reply("What is the capital of France?", greedy);
    expect(after.text).toBe(before.text);
    expect(await nextEngine(engine)).not.toBe(engine);
    expect(model.stats().generatedTokens).toBeGreaterThanOrEqual(
      before.usage.generatedTokens + after.usage.generatedTokens,
    );
  },
);

test("the error says how the process ended, and that it is started again", async () => {
  const { begun, code } = read(model.reply("Count to a thousand.", endless));
  const other = model.reply("Count to a thousand.", endless);
  await begun;
  process.kill(engine, "SIGSEGV");
  await expect(other).rejects.toThrow(/^The model's process ended with SIGSEGV\..* It is started again/);
  expect(await code).toBe("ENGINE_CRASHED");
});

test("a load during which the process ends says that the model was not loaded, and not that it is started again", async () => {
  const onProgress = () => {
    for (const other of enginesOf().filter((pid) => pid !== engine)) process.kill(other, "SIGKILL");
  };
  const error = await load("smollm2", { isolate: true, onProgress }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "ENGINE_CRASHED", remedy: expect.stringContaining("The model was not loaded.") });
  expect(String(error)).toMatch(/was killed \(SIGKILL\)/);
  expect(String(error)).not.toContain("started again");
});

test("a process that the system refuses to start is ENGINE_CRASHED with the system's reason, and tried again", async () => {
  // More than a single variable of the environment may have.
  process.env["CADUCEUS_TEST_TOO_LONG"] = "x".repeat(2 ** 18);
  const refused = {
    code: "ENGINE_CRASHED",
    message: expect.stringContaining("could not be started: spawn E2BIG"),
    cause: expect.objectContaining({ code: "E2BIG" }),
  };
  try {
    process.kill(engine, "SIGKILL");
    await isGone(engine);
    await expect(model.reply("Hello!", greedy)).rejects.toMatchObject(refused);
    await expect(model.tokenize("Hello!")).rejects.toMatchObject(refused);
    await expect(load("smollm2", { isolate: true })).rejects.toMatchObject(refused);
  } finally {
    delete process.env["CADUCEUS_TEST_TOO_LONG"];
  }
  expect((await model.reply("Hello!", greedy)).usage.generatedTokens).toBeGreaterThan(0);
});

test("a conversation goes on after a crash with the tokens that it had", async () => {
  const turns = async (crashes: boolean) => {
    const chat = model.chat({ system: "Answer in one short sentence.", ...greedy });
    const counts: number[] = [];
    for (const question of ["What is the capital of France?", "Which river runs through it?", "And its tower?"]) {
      counts.push((await chat.send(question)).usage.promptTokens);
      if (!crashes) continue;
      const now = await nextEngine();
      process.kill(now, "SIGKILL");
      await isGone(now);
    }
    return { counts, messages: chat.messages };
  };
  expect(await turns(true)).toEqual(await turns(false));
});

test("what was asked while nothing runs waits for the new process: embeddings, tokens and replies alike", async () => {
  process.kill(engine, "SIGKILL");
  await isGone(engine);
  const [reply, tokens, { embeddings }] = await Promise.all([
    model.reply("Hello!", greedy),
    model.tokenize("Hello!"),
    model.embed(["Hello!"]),
  ]);
  expect(reply.usage.generatedTokens).toBeGreaterThan(0);
  expect(tokens.length).toBeGreaterThan(1);
  expect(embeddings[0]!.length).toBe(576);
});

test("a process that crashes again and again is given up for a while, with an error that says so", async () => {
  for (let crash = 0, last = 0; crash < 5; crash++) {
    last = await nextEngine(last);
    process.kill(last, "SIGKILL");
    await isGone(last);
    // What loading met, the next request is told; it starts another process.
    if (crash < 4) void model.reply("Hello!", greedy).then(undefined, () => {});
  }
  await expect(model.reply("Hello!", greedy)).rejects.toMatchObject({
    code: "ENGINE_CRASHED",
    message: expect.stringContaining("crashed 5 times within a minute"),
  });
});

test("what is cancelled before the new process is there ends at once, with its signal's reason", async () => {
  process.kill(engine, "SIGKILL");
  await isGone(engine);
  const order: string[] = [];
  const again = model.tokenize("Hello!").then(() => order.push("loaded"));
  const stopped = { name: "TimeoutError" };
  await Promise.all([
    expect(model.reply("Hello!", { signal: AbortSignal.timeout(1) })).rejects.toMatchObject(stopped),
    expect(model.embed(["Hello!"], { signal: AbortSignal.timeout(1) })).rejects.toMatchObject(stopped),
  ]);
  order.push("cancelled");
  await again;
  expect(order).toEqual(["cancelled", "loaded"]);
});

test("close after a crash, and in the middle of loading again, leaves no process", async () => {
  process.kill(engine, "SIGKILL");
  const again = await nextEngine(engine);
  await model.close();
  expect(await isGone(again)).toBe(true);
});

test("clients of a server are told 503, or an error in the stream, and are answered by the next process", async () => {
  const server = await listen(createHandler({ models: { it: model } }), { port: 0 });
  const ask = (more: object) =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages: [{ role: "user", content: "Count to a thousand." }], ...more }),
    });
  try {
    const stream = await ask({ stream: true, max_tokens: 900, min_tokens: 900 });
    const whole = ask({ max_tokens: 900, min_tokens: 900 });
    await expect.poll(() => model.stats().running).toBe(2);
    process.kill(engine, "SIGABRT");
    expect(await stream.text()).toContain('"code":"model_unavailable"');
    const refused = await whole;
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await ask({ max_tokens: 8 })).status).toBe(200);
  } finally {
    await server.close();
  }
});

test("this process never maps the addon", async () => {
  await model.reply("Hello!", greedy);
  const maps = (pid: number) => readFileSync(`/proc/${pid}/maps`, "utf8");
  expect(maps(engine)).toMatch(/caduceus\S*\.node/);
  expect(maps(process.pid)).not.toMatch(/caduceus\S*\.node/);
});
