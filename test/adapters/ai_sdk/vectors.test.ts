// `caduceus/ai-sdk`: embeddings and rankings are the library's own.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caduceusEmbedding, caduceusReranking } from "../../../src/adapters/ai_sdk/index.js";
import { load, type Model } from "../../../src/index.js";
import { bertModel } from "../../support/gguf/bert_model.mjs";
import { versions } from "./versions.js";

/** Texts of one batch may differ in the last bit from those of another. */
const near = (values: ArrayLike<number>) => Array.from(values, (value) => expect.closeTo(value, 5));

let bert: Model;
let ranker: Model;
beforeAll(async () => {
  [bert, ranker] = await Promise.all([load(bertModel("mean")), load(bertModel("reranker"))]);
});
afterAll(() => Promise.all([bert.close(), ranker.close()]));

describe.each(versions)("ai %s", (_, ai) => {
  test("embeds many texts in one call, with the options of the provider", async () => {
    const values = ["a cat sat on the mat", "rome is a city", "a cat"];
    const own = await bert.embed(values);
    const { embeddings, usage } = await ai.embedMany({ model: caduceusEmbedding(bert), values });
    expect(embeddings).toEqual(own.embeddings.map(near));
    expect(usage.tokens).toBe(own.usage.promptTokens);
    const caduceus = { dimensions: 16 };
    const { embedding } = await ai.embed({
      model: caduceusEmbedding(bert),
      value: values[0]!,
      providerOptions: { caduceus },
    });
    expect(embedding).toEqual(near((await bert.embed(values[0]!, caduceus)).embeddings[0]!));
    await expect(
      ai.embed({
        model: caduceusEmbedding(bert),
        value: "a",
        providerOptions: { caduceus: { size: 3 } },
        maxRetries: 0,
      }),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(
      ai.embedMany({ model: caduceusEmbedding(bert), values, abortSignal: AbortSignal.abort(), maxRetries: 0 }),
    ).rejects.toMatchObject({ name: "AbortError" });
  });

  test("ranks texts and objects, and gives the best", async () => {
    const documents = ["a cat sat on the mat", "rome is a city", "the sky is blue"];
    const query = "where is rome";
    const own = await ranker.rerank(query, documents);
    const { ranking } = await ai.rerank({ model: caduceusReranking(ranker), query, documents, topN: 2 });
    expect(ranking.map(({ originalIndex, score }) => [originalIndex, score])).toEqual(
      own.results.slice(0, 2).map(({ index, score }) => [index, expect.closeTo(score, 5)]),
    );
    const objects = documents.map((text) => ({ text }));
    const { rerankedDocuments } = await ai.rerank({ model: caduceusReranking(ranker), query, documents: objects });
    const texts = await ranker.rerank(
      query,
      objects.map((one) => JSON.stringify(one)),
    );
    expect(rerankedDocuments).toEqual(texts.results.map(({ index }) => objects[index]));
  });
});
