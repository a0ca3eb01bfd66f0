// The tokenizer over HTTP.
import { expect, test, vi } from "vitest";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { errorOf, handler, post, serve, url } from "./scripted_handler.js";

test("the tokenizer answers for the only model, or the one that is named", async () => {
  const ask = async (path: string, body: object) => (await post(path, body)).json();
  const tokens = [16 + 72, 16 + 105];
  expect(await ask("/tokenize", { prompt: "Hi" })).toEqual({ tokens: [0, ...tokens], count: 3, max_model_len: 4096 });
  expect(await ask("/tokenize", { model: "m", prompt: "Hi", add_special_tokens: false })).toMatchObject({
    tokens,
    count: 2,
  });
  expect(await ask("/tokenize", { prompt: "<s>", add_special_tokens: false })).toMatchObject({
    count: expect.any(Number),
  });
  expect(await ask("/detokenize", { tokens: [...tokens, 1] })).toEqual({ prompt: "Hi<|im_end|>" });
  expect(await (await handler.fetch(new Request(`${url}/tokenizer_info`))).json()).toEqual({
    bos_token: "<s>",
    eos_token: "<|im_end|>",
    chat_template: null,
    model_max_length: 4096,
  });
  for (const [path, body, param] of [
    ["/tokenize", {}, "prompt"],
    ["/detokenize", { tokens: ["a"] }, "tokens"],
    ["/detokenize", { tokens: [1e9] }, "tokens[0]"],
    ["/tokenize", { prompt: "\ud800" }, "prompt"],
  ] as const) {
    expect(await errorOf(post(path, body)), path).toMatchObject({ status: 400, param });
  }
  const { model } = await scriptedModel();
  serve({ models: { m: model, n: model }, apiKeys: ["k"] });
  expect((await post("/tokenize", { prompt: "Hi" })).status).toBe(401);
  expect(await errorOf(post("/tokenize", { prompt: "Hi" }, { authorization: "Bearer k" }))).toMatchObject({
    status: 400,
    param: "model",
  });
  expect((await post("/tokenize", { model: "n", prompt: "Hi" }, { authorization: "Bearer k" })).status).toBe(200);
});

test("long texts are tokenized one at a time, not at all for a client that has gone, and hold no short one up", async () => {
  const { model } = await scriptedModel();
  serve({ models: { m: model }, maxQueue: 4 });
  const ends: (() => void)[] = [];
  const whole = vi.spyOn(model, "tokenize").mockImplementation(([part]) => {
    const { control } = part as { control: string };
    if (control.length < 100) return Promise.resolve([1, 2]) as never;
    return new Promise((resolve) => ends.push(() => resolve([1, 2, 3] as never)));
  });
  const ask = (prompt: string, signal?: AbortSignal) =>
    Promise.resolve(
      handler.fetch(
        new Request(`${url}/tokenize`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ prompt }),
          signal: signal ?? null,
        }),
      ),
    );
  const left = new AbortController();
  const [first, second, third] = [
    ask("x".repeat(100_000)),
    ask("y".repeat(100_000), left.signal),
    ask("z".repeat(100_000)),
  ];
  await expect.poll(() => ends.length).toBe(1);
  expect(await (await ask("short")).json()).toMatchObject({ count: 2 });
  const fourth = ask("w".repeat(100_000));
  await expect.poll(async () => (await ask("short")).status).toBe(429);
  expect(ends).toHaveLength(1);
  left.abort();
  ends[0]!();
  expect(await (await first).json()).toMatchObject({ count: 3 });
  expect((await second).status).toBe(499);
  for (const [index, answer] of [third, fourth].entries()) {
    await expect.poll(() => ends.length).toBe(index + 2);
    ends[index + 1]!();
    expect((await answer).status).toBe(200);
  }
  expect(whole.mock.calls.filter(([[part]]) => (part as { control: string }).control.startsWith("y"))).toEqual([]);
  await handler.close();
  expect((await ask("short")).status).toBe(503);
});
