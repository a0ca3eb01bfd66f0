// Embeddings and rerankers through the library: generated models, and the default one.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load } from "../../src/index.js";
import type { Model } from "../../src/index.js";
import { bertModel } from "../support/gguf/bert_model.mjs";
import { hermesModel } from "../support/models.js";

const length = (vector: Float32Array) => Math.hypot(...vector);
const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0) / length(a) / length(b);
/** Which texts come into one batch is a matter of time, and beside other texts the last bits differ. */
const aboutTheSame = (value: number): number => expect.closeTo(value, 5);
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a model for embeddings", () => {
  let model: Model;
  beforeAll(async () => {
    model = await load(bertModel("mean"));
  });
  afterAll(() => model.close());

  test("says what it is for, and reads as many tokens as it was trained for", () => {
    expect(model.info).toMatchObject({ purpose: "embedding", contextSize: 512, cacheTokens: 0, architecture: "bert" });
    expect(model.info.devices[0]!.weightsBytes).toBeGreaterThan(100_000);
  });

  test("gives each text a vector of length 1, in their order, whatever else is asked at the same time", async () => {
    const texts = Array.from({ length: 300 }, (_, index) => `text number ${index} ${"and more ".repeat(index % 40)}`);
    const [all, single] = await Promise.all([model.embed(texts), model.embed(texts[217]!)]);
    expect(all.embeddings).toHaveLength(300);
    expect(all.embeddings.every((vector) => vector.length === 128 && Math.abs(length(vector) - 1) < 1e-6)).toBe(true);
    expect(all.truncated).toEqual([]);
    expect(cosine(all.embeddings[217]!, single.embeddings[0]!)).toBeGreaterThan(1 - 1e-6);
    const counts = await Promise.all(texts.map((text) => model.tokenize(text)));
    expect(all.usage.promptTokens).toBe(counts.reduce((sum, tokens) => sum + tokens.length + 1, 0));
    expect(model.stats().promptTokens).toBe(all.usage.promptTokens + single.usage.promptTokens);
  });

  test("leaves a vector as it is, cuts it, and pools otherwise, where asked", async () => {
    const text = "a cat sat on the mat";
    const [whole, raw, short, first] = await Promise.all([
      model.embed(text),
      model.embed(text, { normalize: false }),
      model.embed(text, { dimensions: 16 }),
      model.embed(text, { pooling: "cls" }),
    ]);
    expect(length(raw.embeddings[0]!)).not.toBeCloseTo(1, 1);
    expect(cosine(raw.embeddings[0]!, whole.embeddings[0]!)).toBeGreaterThan(1 - 1e-6);
    expect(short.embeddings[0]).toHaveLength(16);
    expect(length(short.embeddings[0]!)).toBeCloseTo(1, 5);
    expect(cosine(short.embeddings[0]!, raw.embeddings[0]!.slice(0, 16))).toBeGreaterThan(1 - 1e-6);
    expect(cosine(first.embeddings[0]!, whole.embeddings[0]!)).toBeLessThan(1 - 1e-6);
  });

  test("refuses a text that is too long by its place and number of tokens, or cuts it", async () => {
    const long = "word ".repeat(400);
    const tokens = (await model.tokenize(long)).length + 1;
    const error = await failure(model.embed(["short", long]));
    expect(error).toMatchObject({
      code: "CONTEXT_FULL",
      param: "texts[1]",
      remedy: expect.stringContaining("truncate"),
    });
    expect((error as Error).message).toContain(`${tokens} tokens`);
    const { truncated, usage } = await model.embed(["short", long], { truncate: true });
    expect(truncated).toEqual([1]);
    expect(usage.promptTokens).toBe((await model.tokenize("short")).length + 1 + 512);
  });

  test("generates nothing, with one error for all ways to ask", async () => {
    const unsupported = { code: "UNSUPPORTED" };
    expect(await failure(Promise.resolve(model.reply("hello")))).toMatchObject(unsupported);
    expect(await failure(Promise.resolve(model.complete("hello")))).toMatchObject(unsupported);
    expect(() => model.chat()).toThrow(expect.objectContaining(unsupported));
    expect(await failure(model.rerank("a", ["b"]))).toMatchObject(unsupported);
  });

  test("tells how far it is, and stops at the signal and at an error of the caller's", async () => {
    const texts = Array.from({ length: 1_000 }, (_, index) => `text ${index} ${"word ".repeat(60)}`);
    const seen: number[] = [];
    await model.embed(texts.slice(0, 50), { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen).toHaveLength(50);
    expect(seen.at(-1)).toBe(1);
    const controller = new AbortController();
    const begun = model.embed(texts, {
      signal: controller.signal,
      onProgress: ({ done }) => void (done === 20 && controller.abort(new Error("enough"))),
    });
    expect(await failure(begun)).toMatchObject({ message: "enough" });
    expect(
      await failure(
        model.embed(texts, {
          onProgress: () => {
            throw new Error("mine");
          },
        }),
      ),
    ).toMatchObject({ message: "mine" }); // prettier-ignore
    expect((await model.embed("still there")).embeddings).toHaveLength(1);
  });

  test.each([
    [undefined, undefined, "texts"],
    ["", undefined, "texts"],
    [[1], undefined, "texts[0]"],
    [["a", ""], undefined, "texts[1]"],
    [["\ud800"], undefined, "texts[0]"],
    [["a"], { dimensions: 0 }, "dimensions"],
    [["a"], { dimensions: 129 }, "dimensions"],
    [["a"], { pooling: "max" }, "pooling"],
    [["a"], { normalise: true }, "normalise"],
    [["a"], { onProgress: 1 }, "onProgress"],
    [["a"], { signal: 1 }, "signal"],
  ])("refuses %j with %j", async (texts, options, param) => {
    expect(await failure(model.embed(texts as string[], options as object))).toMatchObject({
      code: "INVALID_ARGUMENT",
      param,
    });
  });

  test("gives no vector for no text", async () => {
    expect(await model.embed([])).toEqual({ embeddings: [], truncated: [], usage: { promptTokens: 0 } });
  });

  test("ends what waits when it is closed, and refuses what comes after", async () => {
    const other = await load(bertModel("cls"));
    const waiting = other.embed(Array.from({ length: 2_000 }, (_, index) => `${"word ".repeat(60)} ${index}`));
    const ended = failure(waiting);
    await other.close();
    expect(await ended).toMatchObject({ code: "MODEL_CLOSED" });
    expect(await failure(other.embed("a"))).toMatchObject({ code: "MODEL_CLOSED" });
  });
});

describe("a reranker", () => {
  let model: Model;
  beforeAll(async () => {
    model = await load(bertModel("reranker"));
  });
  afterAll(() => model.close());

  test("orders documents by a score from 0 to 1, and gives the best", async () => {
    const documents = ["a cat is an animal", "rome is a city", "it rains", "dogs bark at night"];
    const { results, usage } = await model.rerank("what is a cat", documents);
    expect(results.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3]);
    for (const [place, { index, document, score }] of results.entries()) {
      expect(document).toBe(documents[index]);
      expect(score).toBeGreaterThan(0);
      expect(score).toBeLessThan(1);
      if (place > 0) expect(score).toBeLessThanOrEqual(results[place - 1]!.score);
    }
    expect(usage.promptTokens).toBeGreaterThan(4 * (await model.tokenize("what is a cat")).length);
    const { results: best } = await model.rerank("what is a cat", documents, { topN: 2 });
    expect(best).toEqual(results.slice(0, 2).map((one) => ({ ...one, score: aboutTheSame(one.score) })));
  });

  test("refuses what is no query, no documents or no embedding, and cuts long documents", async () => {
    expect(await failure(model.rerank(1 as never, []))).toMatchObject({ code: "INVALID_ARGUMENT", param: "query" });
    expect(await failure(model.rerank("a", "b" as never))).toMatchObject({ param: "documents" });
    expect(await failure(model.rerank("a", ["b"], { topN: 0 }))).toMatchObject({ param: "topN" });
    expect(await failure(model.embed("a"))).toMatchObject({ code: "UNSUPPORTED" });
    const long = "word ".repeat(400);
    expect(await failure(model.rerank("a", ["b", long]))).toMatchObject({
      code: "CONTEXT_FULL",
      param: "documents[1]",
    });
    expect((await model.rerank("a", ["b", long], { truncate: true })).truncated).toEqual([1]);
  });
});

describe("a model that generates text", () => {
  test("gives embeddings while it answers, of texts of any length that it reads", async () => {
    const model = await load(await hermesModel(), { contextSize: 2048 });
    try {
      const reply = model.complete("Once", { maxTokens: 200 });
      const texts = ["a cat", "a cat sat down", "word ".repeat(1_500)];
      const [{ embeddings }, { usage }] = await Promise.all([model.embed(texts), reply]);
      expect(usage.generatedTokens).toBe(200);
      expect(embeddings.map((vector) => vector.length)).toEqual([128, 128, 128]);
      expect(cosine(embeddings[0]!, embeddings[1]!)).toBeGreaterThan(cosine(embeddings[0]!, embeddings[2]!));
    } finally {
      await model.close();
    }
  });

  test("that was made for embeddings ends with its last token's vector, and has no KV cache of replies", async () => {
    const model = await load(await hermesModel("control", { pooling: 3 }));
    try {
      expect(model.info).toMatchObject({ purpose: "embedding", cacheTokens: 0 });
      const [own, last, mean] = await Promise.all([
        model.embed("a cat sat"),
        model.embed("a cat sat", { pooling: "last" }),
        model.embed("a cat sat", { pooling: "mean" }),
      ]);
      expect(cosine(own.embeddings[0]!, last.embeddings[0]!)).toBeGreaterThan(1 - 1e-6);
      expect(cosine(own.embeddings[0]!, mean.embeddings[0]!)).toBeLessThan(1 - 1e-6);
    } finally {
      await model.close();
    }
  });
});
