// Completions, models, keys, retries and abort as OpenAI's own client sees them.
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";
import { hermesModel } from "../support/models.js";
import { until } from "../support/time/until.js";
import { metric, serving, type Serving } from "./serving.js";

let model: Model;
let server: Serving;
let openai: OpenAI;
beforeAll(async () => {
  model = await load("smollm2", { contextSize: 2048, cacheTokens: 8192, prefixFolder: false });
  server = await serving({ smollm2: model, "team/other": model });
  openai = server.client();
});
afterAll(async () => {
  await server.close({ graceMs: 0 });
  await model.close();
});

const long = {
  model: "smollm2",
  messages: [{ role: "user", content: "Tell a long story." }] satisfies OpenAI.ChatCompletionMessageParam[],
  logit_bias: { 0: -100, 1: -100, 2: -100 },
  max_tokens: 1500,
};

describe("completions", () => {
  const plain = { model: "smollm2", prompt: "The capital of France is", temperature: 0, max_tokens: 8 };

  test("go on with a prompt as the library does, whole, in chunks, and from token ids", async () => {
    const { text, usage } = await model.complete(plain.prompt, { temperature: 0, maxTokens: 8 });
    const completion = await openai.completions.create(plain);
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^cmpl-/),
      object: "text_completion",
      choices: [{ index: 0, text, logprobs: null, finish_reason: "length" }],
      usage: { prompt_tokens: usage.promptTokens, completion_tokens: 8 },
    });
    const tokens = [...(await model.tokenize(plain.prompt))];
    expect((await openai.completions.create({ ...plain, prompt: tokens })).choices[0]!.text).toBe(text);
    const chunks = [];
    for await (const chunk of await openai.completions.create({
      ...plain,
      stream: true,
      stream_options: { include_usage: true },
    }))
      chunks.push(chunk);
    expect(chunks.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe(text);
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe("length");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 8 } });
  });

  test("several prompts and several answers come in order", async () => {
    const prompts = [plain.prompt, "One, two,"];
    const { choices } = await openai.completions.create({ ...plain, prompt: prompts, n: 2 });
    const alone = await Promise.all(
      prompts.map(async (prompt) => (await openai.completions.create({ ...plain, prompt })).choices[0]!.text),
    );
    expect(choices.map(({ text }) => text)).toEqual([alone[0], alone[0], alone[1], alone[1]]);
  });

  test("logprobs gives those of the chosen tokens, with the likeliest beside them, whole and in chunks", async () => {
    const { choices } = await openai.completions.create({ ...plain, logprobs: 0 });
    const logprobs = choices[0]!.logprobs!;
    expect(logprobs.tokens!.join("")).toBe(choices[0]!.text);
    expect(logprobs.token_logprobs).toHaveLength(8);
    expect(logprobs.text_offset![1]).toBe(logprobs.tokens![0]!.length);
    expect(logprobs.top_logprobs).toBeNull();
    const two = (await openai.completions.create({ ...plain, logprobs: 2 })).choices[0]!.logprobs!;
    expect(two.tokens).toEqual(logprobs.tokens);
    for (const [index, top] of two.top_logprobs!.entries()) {
      expect(Object.keys(top)[0]).toBe(two.tokens![index]);
      expect(Math.max(...Object.values(top))).toBe(two.token_logprobs![index]);
    }
    const parts = [];
    for await (const { choices } of await openai.completions.create({ ...plain, logprobs: 2, stream: true }))
      parts.push(choices[0]!.logprobs);
    expect(parts.flatMap((part) => part?.tokens ?? [])).toEqual(two.tokens);
    expect(parts.flatMap((part) => part?.text_offset ?? [])).toEqual(two.text_offset);
  });

  test("echo with logprobs scores the prompt as the library does, from text and from token ids, and max_tokens 0 adds nothing", async () => {
    const ids = [...(await model.tokenize(plain.prompt))];
    const { promptLogProbabilities } = await model.complete(plain.prompt, {
      promptLogProbabilities: true,
      maxTokens: 0,
    });
    for (const prompt of [plain.prompt, ids]) {
      const { choices, usage } = await openai.completions.create({
        ...plain,
        prompt,
        echo: true,
        logprobs: 1,
        max_tokens: 0,
      });
      const { text, finish_reason, logprobs } = choices[0]!;
      expect({ text, finish_reason }).toEqual({ text: plain.prompt, finish_reason: "length" });
      expect(logprobs!.tokens!.join("")).toBe(plain.prompt);
      expect(logprobs!.token_logprobs).toEqual([
        null,
        ...promptLogProbabilities!.slice(1).map(({ logProbability }) => logProbability),
      ]);
      expect(logprobs!.top_logprobs![0]).toBeNull();
      for (const [index, token] of logprobs!.tokens!.entries()) {
        expect(plain.prompt.slice(logprobs!.text_offset![index]!)).toMatch(new RegExp(`^${token}`));
        if (index > 0) expect(logprobs!.top_logprobs![index]![token]).toBe(logprobs!.token_logprobs![index]);
      }
      expect(usage).toMatchObject({ prompt_tokens: ids.length, completion_tokens: 0 });
    }
  });

  test("echo goes on after the prompt, of several prompts and in chunks alike, and a turn's end is the last of the lists", async () => {
    const prompts = [plain.prompt, "<|im_start|>user\nSay hi.<|im_end|>\n<|im_start|>assistant\nHi!"];
    const params = { ...plain, prompt: prompts, echo: true, logprobs: 1, max_tokens: 1 };
    const whole = await openai.completions.create({ ...params, logit_bias: { 2: 0 } });
    const sole = await openai.completions.create({ ...plain, prompt: prompts, max_tokens: 1 });
    const lengths = await Promise.all(
      prompts.map(async (prompt) => (await model.tokenize([{ control: prompt }])).length),
    );
    for (const [index, { text, logprobs }] of whole.choices.entries()) {
      expect(text).toBe(prompts[index]! + sole.choices[index]!.text);
      // One more than the prompt has, whether it is written or ends the turn.
      expect(logprobs!.tokens).toHaveLength(lengths[index]! + 1);
      expect(logprobs!.token_logprobs!.slice(1).every((value) => value! <= 0)).toBe(true);
    }
    const ended = (await openai.completions.create({ ...params, prompt: prompts[1]!, logit_bias: { 2: 100 } }))
      .choices[0]!;
    expect(ended).toMatchObject({ text: prompts[1], finish_reason: "stop" });
    expect(ended.logprobs!.tokens!.at(-1)).toBe("<|im_end|>");
    const texts = ["", ""];
    const tokens: string[][] = [[], []];
    for await (const { choices } of await openai.completions.create({ ...params, stream: true })) {
      for (const { index, text, logprobs } of choices) {
        texts[index] += text;
        tokens[index]!.push(...(logprobs?.tokens ?? []));
      }
    }
    expect(texts).toEqual(whole.choices.map(({ text }) => text));
    expect(tokens).toEqual(whole.choices.map(({ logprobs }) => logprobs!.tokens));
    // Without logprobs it repeats the prompt all the same.
    expect((await openai.completions.create({ ...plain, echo: true, max_tokens: 0 })).choices[0]).toMatchObject({
      text: plain.prompt,
      logprobs: null,
    });
  });

  test("parts of characters are written as their bytes, and begin where the character does", async () => {
    const prompt = "A 🦩 and é";
    const { logprobs } = (await openai.completions.create({ ...plain, prompt, echo: true, logprobs: 0, max_tokens: 0 }))
      .choices[0]!;
    const bytes = logprobs!.tokens!.map((token) =>
      token.startsWith("bytes:") ? Buffer.from(token.slice(6).replaceAll("\\x", ""), "hex") : Buffer.from(token),
    );
    expect(Buffer.concat(bytes).toString()).toBe(prompt);
    expect(logprobs!.tokens!.filter((token) => token.startsWith("bytes:")).length).toBeGreaterThan(1);
    const characters = [...prompt];
    for (const [index, token] of logprobs!.tokens!.entries()) {
      if (!token.startsWith("bytes:"))
        expect(characters.slice(logprobs!.text_offset![index]!).join("")).toMatch(new RegExp(`^${token}`));
    }
  });
});

test("where the model wants a BOS and its vocabulary puts spaces before words, echo gives what the client gave", async () => {
  const hermes = await load(await hermesModel(), { contextSize: 512, prefixFolder: false });
  await using other = await serving({ hermes });
  const ask = async (prompt: string | number[]) =>
    (await other.client().completions.create({ model: "hermes", prompt, echo: true, logprobs: 1, max_tokens: 0 }))
      .choices[0]!;
  const prompt = "The sky <|im_start|>user is blue";
  const text = await ask(prompt);
  expect(text.text).toBe(prompt);
  expect(text.logprobs!.tokens!.slice(0, 3)).toEqual([" The", " sky", " "]);
  expect(text.logprobs!.text_offset!.slice(0, 3)).toEqual([0, 3, 7]);
  expect(prompt.slice(text.logprobs!.text_offset!.at(-1)!)).toBe(" blue");
  // The first follows the BOS.
  expect(text.logprobs!.token_logprobs![0]).toBeLessThan(0);
  const { tokens } = (await (
    await fetch(`${other.url}/tokenize`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt, add_special_tokens: false }),
    })
  ).json()) as { tokens: number[] };
  expect(tokens[0]).not.toBe(1);
  expect((await ask(tokens)).logprobs!.token_logprobs).toEqual(text.logprobs!.token_logprobs);
  const own = await ask([1, ...tokens]);
  expect(own.logprobs!.token_logprobs).toEqual([null, ...text.logprobs!.token_logprobs!]);
  expect((await ask(`<s>${prompt}`)).logprobs!.tokens![0]).toBe("<s>");
  await hermes.close();
});

test("models are listed and found, names with a slash too; others do not exist", async () => {
  const names = [];
  for await (const { id } of openai.models.list()) names.push(id);
  expect(names).toEqual(["smollm2", "team/other"]);
  expect(await openai.models.retrieve("team/other")).toMatchObject({ id: "team/other", object: "model" });
  await expect(openai.models.retrieve("gpt-5")).rejects.toThrow(OpenAI.NotFoundError);
  await expect(openai.chat.completions.create({ ...long, model: "../smollm2" })).rejects.toMatchObject({
    status: 404,
    code: "model_not_found",
    param: "model",
  });
});

describe("a client that goes away", () => {
  test.each([
    ["in the middle of a stream", true],
    ["while it waits for the whole answer", false],
  ])("%s stops its generation", async (_, stream) => {
    const cancelled = () => metric(server, 'caduceus_cancelled_total{reason="client_closed_request"}');
    const before = await cancelled();
    const ending = new AbortController();
    if (stream) {
      const chunks = await openai.chat.completions.create({ ...long, stream: true }, { signal: ending.signal });
      let count = 0;
      for await (const _chunk of chunks) if (++count === 5) break;
    } else {
      const answer = openai.chat.completions.create(long, { signal: ending.signal });
      await until(() => model.stats().running === 1);
      ending.abort();
      await expect(answer).rejects.toThrow(OpenAI.APIUserAbortError);
    }
    const written = model.stats().generatedTokens;
    await until(() => model.stats().running === 0);
    expect(model.stats().generatedTokens - written).toBeLessThan(long.max_tokens / 2);
    await until(async () => (await cancelled()) === before + 1);
  });

  test("by its own time limit stops its generation, and its retries are new requests", async () => {
    const before = await metric(server, 'caduceus_cancelled_total{reason="client_closed_request"}');
    await expect(server.client({ timeout: 3_000, maxRetries: 1 }).chat.completions.create(long)).rejects.toThrow(
      OpenAI.APIConnectionTimeoutError,
    );
    await until(() => model.stats().running === 0);
    await until(
      async () => (await metric(server, 'caduceus_cancelled_total{reason="client_closed_request"}')) === before + 2,
    );
  });
});

test("a full queue answers 429 with Retry-After, and the client's own retries get through", async () => {
  await using small = await serving({ smollm2: model }, { maxQueue: 1 });
  const short = { ...long, max_tokens: 2 };
  // It keeps the place until it is no longer wanted.
  const ending = new AbortController();
  const slow = small
    .client()
    .chat.completions.create(long, { signal: ending.signal })
    .catch((error: unknown) => error);
  await until(() => model.stats().running === 1);
  const refused = await small
    .client()
    .chat.completions.create(short)
    .then(
      () => undefined,
      (error: unknown) => error as InstanceType<typeof OpenAI.RateLimitError>,
    );
  expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
  expect(refused).toMatchObject({ code: "rate_limit_exceeded", type: "rate_limit_error" });
  expect(refused!.headers.get("retry-after")).toBe("1");
  const patient = small.client({ maxRetries: 100 }).chat.completions.create(short);
  ending.abort();
  expect(await slow).toBeInstanceOf(OpenAI.APIUserAbortError);
  expect((await patient).usage!.completion_tokens).toBe(2);
  await expect(small.client().chat.completions.create({ ...short, n: 2 })).rejects.toMatchObject({ status: 429 });
});

test("each key is a cache scope of its own; wrong and missing ones are refused", async () => {
  await using locked = await serving({ smollm2: model }, { apiKeys: ["sk-one", "sk-two"] });
  const ask = async (apiKey: string) =>
    (
      await locked.client({ apiKey }).chat.completions.create({
        ...long,
        messages: [{ role: "user", content: "What does the other tenant ask?" }],
        max_tokens: 2,
      })
    ).usage!.prompt_tokens_details!.cached_tokens!;
  const cached = [];
  for (const key of ["sk-one", "sk-one", "sk-two", "sk-two"]) cached.push(await ask(key));
  expect(cached[0]).toBe(0);
  expect(cached[1]).toBeGreaterThan(10);
  expect(cached.slice(2)).toEqual(cached.slice(0, 2));
  for (const key of ["sk-onE", "sk-on", "sk-one2", "none"])
    await expect(ask(key)).rejects.toThrow(OpenAI.AuthenticationError);
  expect((await fetch(`${locked.url}/v1/models`)).status).toBe(401);
  expect((await fetch(`${locked.url}/metrics`)).status).toBe(401);
  expect((await fetch(`${locked.url}/health`)).status).toBe(200);
});

test("a conversation that does not fit says so before the stream begins", async () => {
  const request = {
    ...long,
    stream: true as const,
    messages: [{ role: "user" as const, content: "word ".repeat(3000) }],
  };
  await expect(openai.chat.completions.create(request)).rejects.toMatchObject({
    status: 400,
    code: "context_length_exceeded",
  });
});

test("a reply that takes too long ends, in a stream by an error that the client throws", async () => {
  await using hasty = await serving({ smollm2: model }, { replyTimeoutMs: 1_500 });
  await expect(hasty.client().chat.completions.create(long)).rejects.toMatchObject({
    status: 504,
    code: "reply_timeout",
  });
  await using patient = await serving({ smollm2: model }, { replyTimeoutMs: 4_000 });
  let chunks = 0;
  await expect(
    (async () => {
      for await (const _chunk of await patient.client().chat.completions.create({ ...long, stream: true })) chunks++;
    })(),
  ).rejects.toMatchObject({ code: "reply_timeout" });
  expect(chunks).toBeGreaterThan(0);
});

test("models that load are told apart from models that failed, and readiness follows", async () => {
  let loaded!: (model: Model) => void;
  const errors: unknown[] = [];
  await using early = await serving(
    { soon: new Promise((resolve) => (loaded = resolve)), never: Promise.reject(new Error("no memory")) },
    { onError: (error) => errors.push(error) },
  );
  await using only = await serving({
    soon: new Promise<Model>((resolve) => {
      const earlier = loaded;
      loaded = (value) => (earlier(value), resolve(value));
    }),
  });
  await expect(early.client().chat.completions.create({ ...long, model: "soon" })).rejects.toMatchObject({
    status: 503,
    code: "model_loading",
  });
  await expect(early.client().chat.completions.create({ ...long, model: "never" })).rejects.toMatchObject({
    status: 503,
    code: "model_unavailable",
  });
  expect(await (await fetch(`${only.url}/ready`)).json()).toEqual({ status: "loading" });
  loaded(model);
  await until(async () => (await fetch(`${only.url}/ready`)).status === 200);
  expect(
    (await early.client().chat.completions.create({ ...long, model: "soon", max_tokens: 1 })).usage!.completion_tokens,
  ).toBe(1);
  expect(errors).toMatchObject([{ message: "no memory" }]);
});
