// Servers for the clients of others: on small models, and on one that says what a test wants it to say.
import { onTestFinished } from "vitest";
import { load, type Model } from "../../../src/index.js";
import { speakingModel } from "../../support/engines/speaking_engine.js";
import { serving, type Serving, type ServingOptions } from "../serving.js";

export const smallModel = (): Promise<Model> =>
  load("smollm2", { contextSize: 2048, cacheTokens: 8192, prefixFolder: false });

/** The model `hermes` on a real engine, which says these lines, one for each request. For this test alone. */
export async function saying(lines: readonly string[], options: ServingOptions = {}): Promise<Serving> {
  const { model } = await speakingModel("control", lines);
  const server = await serving({ hermes: model }, options);
  onTestFinished(async () => {
    await server.close({ graceMs: 0 });
    await model.close();
  });
  return server;
}

export const call = (name: string, args: object | string) =>
  `<tool_call>\n{"name": "${name}", "arguments": ${typeof args === "string" ? args : JSON.stringify(args)}}\n</tool_call>`;

export const cityParameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
} as const;

export async function gathered<T>(list: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of list) all.push(one);
  return all;
}
