// Embeddings and rerankers over HTTP: by clients as they are, and by what no client should send.
import { setTimeout as sleep } from "node:timers/promises";
import { Ollama } from "ollama";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";
import { serving, type Serving } from "../server/serving.js";
import { bertModel } from "../support/gguf/bert_model.mjs";
import { watchLoop } from "../support/time/loop_watch.mjs";

let models: Record<"bert" | "ranker", Model>;
let server: Serving;
let url: string;

beforeAll(async () => {
  models = { bert: await load(bertModel("mean")), ranker: await load(bertModel("reranker")) };
  server = await serving(models);
  url = server.url;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await Promise.all(Object.values(models).map((model) => model.close()));
});

async function post(path: string, body: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

describe("clients as they are", () => {
  test("OpenAI's client gets the library's embeddings, in both encodings", async () => {
    const client = server.client();
    const input = ["a cat sat", "rome is a city"];
    const { embeddings, usage } = await models.bert.embed(input);
    for (const encoding_format of [undefined, "float", "base64"] as const) {
      const answer = await client.embeddings.create({
        model: "bert",
        input,
        ...(encoding_format === undefined ? {} : { encoding_format }),
      });
      expect(answer.usage).toEqual({ prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens });
      for (const [index, { embedding, index: place }] of answer.data.entries()) {
        expect(place).toBe(index);
        const raw = embedding as unknown;
        const vector = typeof raw === "string" ? floats(raw) : (raw as number[]);
        expectClose(vector, embeddings[index]!);
      }
    }
    const short = await client.embeddings.create({ model: "bert", input: "a cat sat", dimensions: 8 });
    expect(short.data[0]!.embedding).toHaveLength(8);
  });

  test("Ollama's client gets them too, and long texts are cut as it expects", async () => {
    const client = new Ollama({ host: url });
    const { embeddings } = await models.bert.embed(["a cat sat"]);
    const answer = await client.embed({ model: "bert:latest", input: ["a cat sat", "word ".repeat(400)] });
    expectClose(answer.embeddings[0]!, embeddings[0]!);
    expect(answer.embeddings).toHaveLength(2);
    await expect(client.embed({ model: "bert", input: "word ".repeat(400), truncate: false })).rejects.toThrow(
      /tokens/,
    );
  });

  test("a reranker answers in the form of Jina and Cohere", async () => {
    const documents = ["a cat is an animal", { text: "rome is a city" }, "it rains"];
    const { results } = await models.ranker.rerank("what is a cat", [
      "a cat is an animal",
      "rome is a city",
      "it rains",
    ]);
    for (const path of ["/v1/rerank", "/rerank"]) {
      const { status, body } = await post(path, { model: "ranker", query: "what is a cat", documents, top_n: 2 });
      expect(status).toBe(200);
      expect(body.results).toEqual(
        results.slice(0, 2).map(({ index, score }) => ({ index, relevance_score: expect.closeTo(score, 5) })),
      );
      expect(body.usage.total_tokens).toBeGreaterThan(10);
    }
    const whole = await post("/v1/rerank", { model: "ranker", query: "a", documents, return_documents: true });
    expect(whole.body.results.map((result: any) => result.document.text).sort()).toEqual([
      "a cat is an animal",
      "it rains",
      "rome is a city",
    ]);
  });

  test("a reranker answers to texts in the form of Text Embeddings Inference", async () => {
    const texts = ["a cat is an animal", "rome is a city", "it rains"];
    const { results } = await models.ranker.rerank("what is a cat", texts);
    const request = { model: "ranker", query: "what is a cat", texts, raw_scores: false };
    const expected = results.map(({ index, document: text, score }) => ({
      index,
      text,
      score: expect.closeTo(score, 5),
    }));
    const { status, body } = await post("/rerank", request);
    expect(status).toBe(200);
    expect(body).toEqual(expected.map(({ index, score }) => ({ index, score })));
    expect((await post("/rerank", { ...request, return_text: true, top_n: 2 })).body).toEqual(expected.slice(0, 2));
  });
});

test("2,048 texts are answered without holding up others for long", async () => {
  const input = Array.from({ length: 2_048 }, (_, index) => `text ${index}`);
  const loop = watchLoop();
  let isDone = false;
  const asked = (async () => {
    let count = 0;
    for (; !isDone; count++) {
      expect((await fetch(`${url}/health`)).status).toBe(200);
      await sleep(20);
    }
    return count;
  })();
  const { status, body } = await post("/v1/embeddings", { model: "bert", input });
  isDone = true;
  expect(await asked).toBeGreaterThan(3);
  expect(status).toBe(200);
  expect(body.data).toHaveLength(2_048);
  expect(await loop.longestMs()).toBeLessThan(1_000);
  loop.end();
});

describe("what no client should send", () => {
  const texts = Array.from({ length: 2_049 }, () => "a");
  test.each<[string, unknown, string, string | null]>([
    ["/v1/embeddings", "{", "invalid_json", null],
    ["/v1/embeddings", { model: "bert" }, "missing_required_parameter", "input"],
    ["/v1/embeddings", { model: "bert", input: 5 }, "invalid_type", "input"],
    ["/v1/embeddings", { model: "bert", input: [1, 2] }, "invalid_type", "input[0]"],
    ["/v1/embeddings", { model: "bert", input: ["a", [1]] }, "invalid_type", "input[1]"],
    ["/v1/embeddings", { model: "bert", input: ["a", ""] }, "invalid_value", "input[1]"],
    ["/v1/embeddings", { model: "bert", input: texts }, "invalid_type", "input"],
    ["/v1/embeddings", { model: "bert", input: "a", dimensions: 129 }, "invalid_value", "dimensions"],
    ["/v1/embeddings", { model: "bert", input: "a", encoding_format: "int8" }, "invalid_value", "encoding_format"],
    ["/v1/embeddings", { model: "bert", input: "a", dimension: 5 }, "unknown_parameter", "dimension"],
    ["/v1/embeddings", { model: "bert", input: "a", input_type: "query" }, "unsupported_parameter", "input_type"],
    ["/v1/embeddings", { model: "bert", input: "word ".repeat(400) }, "context_length_exceeded", "input"],
    ["/v1/embeddings", { model: "bert", input: ["word ".repeat(400)] }, "context_length_exceeded", "input[0]"],
    ["/v1/embeddings", { model: "bert", input: "" }, "invalid_value", "input"],
    ["/v1/embeddings", { model: "ranker", input: "a" }, "unsupported_model", null],
    ["/v1/embeddings", { model: "gpt", input: "a" }, "model_not_found", "model"],
    ["/v1/rerank", { model: "bert", query: "a", documents: ["b"] }, "unsupported_model", null],
    ["/v1/rerank", { model: "ranker", documents: ["b"] }, "missing_required_parameter", "query"],
    ["/v1/rerank", { model: "ranker", query: "a" }, "missing_required_parameter", "documents"],
    ["/v1/rerank", { model: "ranker", query: "a", documents: [1] }, "invalid_type", "documents[0]"],
    ["/v1/rerank", { model: "ranker", query: "a", documents: ["b"], top_n: 0 }, "invalid_value", "top_n"],
    ["/rerank", { model: "ranker", query: "a", texts: [1] }, "invalid_type", "texts[0]"],
    ["/rerank", { model: "ranker", query: "a", texts: ["word ".repeat(400)] }, "context_length_exceeded", "texts[0]"],
    ["/rerank", { model: "ranker", query: "a", texts: ["b"], raw_scores: true }, "unsupported_parameter", "raw_scores"],
    ["/v1/chat/completions", { model: "bert", messages: [{ role: "user", content: "a" }] }, "unsupported_model", null],
    ["/v1/completions", { model: "bert", prompt: "a" }, "unsupported_model", null],
  ])("%s refuses %j", async (path, sent, code, param) => {
    const { status, body } = await post(path, sent);
    expect(body.error).toMatchObject({ code, param });
    expect(status).toBe(code === "model_not_found" ? 404 : 400);
  });
});

/** Beside other texts the last bits differ. */
function expectClose(vector: ArrayLike<number>, expected: Float32Array): void {
  expect(vector.length).toBe(expected.length);
  expect(Math.max(...Array.from(vector, (value, index) => Math.abs(value - expected[index]!)))).toBeLessThan(1e-6);
}

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
