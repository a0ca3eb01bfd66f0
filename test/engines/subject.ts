// An engine under test, as the common behavior tests see it.
import { hermesModel } from "../support/models.js";
import type { Model } from "../../src/index.js";

export interface Subject {
  readonly model: Model;
  /** The same model opened for embeddings, where one for text gives none. */
  embedder(): Promise<Model>;
  /** Another one that the test may close. */
  another(): Promise<Model>;
  /** Number of requests that are being computed, on the server where there is one. */
  running(): Promise<number>;
  /** Total of generated tokens, likewise. */
  generated(): Promise<number>;
  /** What opens a call, as one token. */
  readonly callToken: number;
  close(): Promise<void>;
}

/** Random weights whose vocabulary has the tags of a call as tokens, so that a bias makes the model call. */
export const callingModel = () => hermesModel("control", { markup: ["<tool_call>", "</tool_call>"] });
export const callToken = 32002;

export const options = { contextSize: 1024, cacheTokens: 16_384, prefixFolder: false, format: "hermes" } as const;

export function ofStats(model: Model): Pick<Subject, "running" | "generated"> {
  return {
    running: async () => model.stats().running + model.stats().queued,
    generated: async () => model.stats().generatedTokens,
  };
}
