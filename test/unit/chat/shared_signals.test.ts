// One signal may be given to any number of calls: none adds a listener of its own, and none stays behind.
import { getEventListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inspectModel, load, pullModel, quantizeModel, removeModel, tool } from "../../../src/index.js";
import { withFileLock } from "../../../src/files/local/file_lock.js";
import { RetryPolicy, TransientError } from "../../../src/files/hub/retry_policy.js";
import { IdleTimeout } from "../../../src/files/hub/idle_timeout.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

const warnings: Error[] = [];
const onWarning = (warning: Error) => warnings.push(warning);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-signals-"));
  process.env["CADUCEUS_CACHE"] = folder;
  process.on("warning", onWarning);
});
afterEach(async () => {
  await sleep(5);
  delete process.env["CADUCEUS_CACHE"];
  process.off("warning", onWarning);
  await rm(folder, { recursive: true });
  expect(warnings.splice(0)).toEqual([]);
});

type Call = (signal: AbortSignal) => PromiseLike<unknown>;

/** Each gives one call on a signal. What needs the network fails soon, which is an end as good as another. */
const calls: Record<string, () => Promise<Call> | Call> = {
  "model.reply": async () => {
    const { model } = await scriptedModel({ answer: () => "abc" });
    return (signal) => model.reply("Hi", { signal });
  },
  "model.complete": async () => {
    const { model } = await scriptedModel({ answer: () => "abc" });
    return (signal) => model.complete("Hi", { signal });
  },
  "model.explain": async () => {
    const { model } = await scriptedModel();
    return (signal) => model.explain("Hi", { signal, contextOverflow: "drop-oldest" });
  },
  "reply.explain": async () => {
    const { model } = await scriptedModel({ answer: () => "abc" });
    return (signal) => model.reply("Hi", { signal }).explain();
  },
  "chat.send": async () => {
    const { model } = await scriptedModel({ answer: () => "abc" });
    return (signal) => model.chat().send("Hi", { signal });
  },
  "chat.send of one chat": async () => {
    const { model } = await scriptedModel({ answer: () => "abc" });
    const chat = model.chat();
    return (signal) => chat.send("Hi", { signal });
  },
  "a reply with handlers": async () => {
    const { model } = await scriptedModel({
      answer: (prompt) =>
        prompt.includes("<tool_response>")
          ? "Done"
          : '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'.repeat(3),
      constrained: false,
    });
    const now = tool({ name: "now", execute: () => sleep(1) });
    return (signal) => model.reply("Hi", { signal, tools: [now], approve: async () => true });
  },
  load: () => (signal) => load("/no/such/model.gguf", { signal }),
  inspectModel: () => (signal) => inspectModel("/no/such/model.gguf", { signal }),
  pullModel: () => (signal) => pullModel("/no/such/model.gguf", { signal }),
  quantizeModel: () => (signal) => quantizeModel("/no/such/model.gguf", "/tmp/new.gguf", { type: "Q4_0", signal }),
  removeModel: () => (signal) => removeModel("hf:nobody/nothing", { signal }),
  "a request to the hub": () => async (signal) => {
    const watch = new IdleTimeout(10_000, signal);
    await sleep(1);
    watch.end();
  },
  "the wait before another try": () => {
    const settings = { attempts: 3, firstWaitMs: 5 } as ConstructorParameters<typeof RetryPolicy>[1];
    return (signal) => new RetryPolicy("it", settings).wait(new TransientError("broke"), signal);
  },
  "the wait for a lock": () => (signal) =>
    withFileLock(
      path.join(folder, "a.lock"),
      signal,
      async () => true,
      () => sleep(20),
    ),
};

test.each(Object.keys(calls))(
  "100 at once of %s: one listener at most, none afterwards, and no warning",
  async (name) => {
    const call = await calls[name]!();
    const { signal } = new AbortController();
    const ended = Promise.allSettled(Array.from({ length: 100 }, () => Promise.resolve(call(signal))));
    const most = getEventListeners(signal, "abort").length;
    await sleep(1);
    expect(Math.max(most, getEventListeners(signal, "abort").length)).toBeLessThanOrEqual(1);
    await ended;
    expect(getEventListeners(signal, "abort")).toEqual([]);
  },
);

test("100 calls without a signal follow the model's own by one listener", async () => {
  const { model } = await scriptedModel();
  await Promise.all(Array.from({ length: 100 }, () => model.explain("Hi")));
  await Promise.all(Array.from({ length: 100 }, () => model.reply("Hi")));
});

test("whoever follows hears of the abort, and one that was told to end does not", async () => {
  const { model } = await scriptedModel({ answer: () => "abc ".repeat(500), paceMs: 1 });
  const controller = new AbortController();
  const replies = Array.from({ length: 20 }, () => Promise.resolve(model.reply("Hi", { signal: controller.signal })));
  await sleep(5);
  const reason = new Error("mine");
  controller.abort(reason);
  for (const end of await Promise.allSettled(replies)) expect(end).toEqual({ status: "rejected", reason });
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
});
