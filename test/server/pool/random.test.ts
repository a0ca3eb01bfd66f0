// Random sequences of requests, loads and unloads against one server with less memory than its models need together.
import fc from "fast-check";
import { expect, test } from "vitest";
import { bert, chat, megabyte, pooling, tiny } from "./pooling.js";

/** Of the text models one fits at a time, beside one or two of the others. */
const models = { a: tiny, b: { ...tiny, keepAliveMs: 0 }, d: { model: bert, keepAliveMs: 5 }, e: bert, f: bert };
const maxMemoryBytes = 36 * megabyte;
const name = fc.constantFrom(...Object.keys(models));
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("chat" as const),
      model: fc.constantFrom("a", "b"),
      tokens: fc.integer({ min: 1, max: 60 }),
      stream: fc.boolean(),
      leaves: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("embed" as const), model: fc.constantFrom("d", "e", "f") }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("load" as const), model: name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("unload" as const), model: name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 40 }) }) },
);

test("no request is cut off or waits for ever, and the loaded models never need more than they may", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 20 }), fc.boolean(), async (steps, closesEarly) => {
      await using served = await pooling(models, { maxMemoryBytes, queueTimeoutMs: 30_000 });
      const most = { bytes: 0 };
      const watch = setInterval(() => {
        const bytes = served.pool.list().reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
        most.bytes = Math.max(most.bytes, bytes);
      }, 1);
      const perform = async (one: (typeof steps)[number]): Promise<void> => {
        if (one.do === "wait") return;
        if (one.do === "embed") {
          const { status, body } = await served.post("/v1/embeddings", { model: one.model, input: "a cat" });
          expect([status, body.data.length]).toEqual([200, 1]);
        } else if (one.do === "chat") {
          const leaving = new AbortController();
          if (one.leaves) setTimeout(() => leaving.abort(), one.tokens);
          const body = {
            ...chat(one.model, one.tokens),
            ...(one.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
          };
          const response = await fetch(`${served.url}/v1/chat/completions`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
            signal: leaving.signal,
          });
          expect(await response.text()).toContain(`"completion_tokens":${one.tokens}`);
        } else expect((await served.post(`/v1/models/${one.do}`, { model: one.model })).status).toBe(200);
      };
      const asked: Promise<unknown>[] = [];
      for (const one of steps) {
        const left = (error: Error) => (error.name === "AbortError" ? undefined : error);
        asked.push(perform(one).catch(left));
        if (one.do === "wait") await new Promise((resolve) => setTimeout(resolve, one.ms));
      }
      if (closesEarly) {
        // Whatever is under way then ends, one way or the other.
        await served.server.close({ graceMs: 20 });
        await served.pool.close();
      }
      const failures = (await Promise.all(asked)).filter((failure) => failure !== undefined);
      if (!closesEarly) expect(failures).toEqual([]);
      clearInterval(watch);
      expect(most.bytes).toBeLessThanOrEqual(maxMemoryBytes);
      // The server learns later than the client that it has left.
      for (const { name } of served.pool.list())
        await expect.poll(() => served.pool.get(name)).toMatchObject({ active: 0, waiting: 0 });
      expect(served.errors).toEqual([]);
    }),
    // A run that hangs tells what it was.
    { numRuns: 10, timeout: 60_000 },
  );
});
