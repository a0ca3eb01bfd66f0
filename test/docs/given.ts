// What the pages' blocks of code begin with, where they say so by `<!-- given: … -->`. Compiled with them, and never
// published.
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { load, tool, type Message } from "caduceus";
import { createHandler, listen } from "caduceus/server";
import { z } from "zod";

export * from "caduceus";
export * from "caduceus/server";
export { z };

export const model = await load("smollm2");

export const messages: Message[] = [
  { role: "system", content: "Answer in one short sentence." },
  { role: "user", content: "Why is the sky blue?" },
];

export const weather = tool({
  name: "get_weather",
  description: "The weather in a city now",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, celsius: 21 }),
});

export const person = z.object({ name: z.string(), age: z.int() });

/** Files of a model for embeddings, and of a reranker. */
export const [embeddingModel = "", rerankModel = ""] = process.env["CADUCEUS_TEST_BERT"]?.split(",") ?? [];

/** A model that fills in the middle. */
export const coderModel = process.env["CADUCEUS_TEST_CODER"] ?? "";

/** A model whose weights are not quantized, and where another may be written. */
export const original = process.env["CADUCEUS_TEST_ORIGINAL"] ?? "";
export const target = path.join(tmpdir(), `caduceus-${randomUUID()}.gguf`);
process.once("exit", () => rmSync(target, { force: true }));

/** Of an MCP server for tests. */
export const config = {
  mcpServers: { tests: { command: process.execPath, args: [process.env["CADUCEUS_TEST_MCP"] ?? ""] } },
};

/** A file of a model, and files of two adapters of it. */
export const [adaptedModel = "", ...adapterFiles] = (process.env["CADUCEUS_TEST_ADAPTERS"]?.split(",") ?? []) as [
  string,
  string,
  string,
];

/** For what a page calls a program's own. */
export const log: (...values: unknown[]) => void = console.log;

/** Serves the model as `hermes`. */
export const server = await listen(createHandler({ models: { hermes: model } }), { port: 0 });

/** Two addresses of it. */
export const urls = [server.url, (await listen(createHandler({ models: { hermes: model } }), { port: 0 })).url];
