// The types of `caduceus/ai-sdk` against each supported generation of `ai`; compiled, never run.
import { expectTypeOf } from "vitest";
import type * as current from "ai";
import type * as oldest from "ai-6-oldest";
import type * as next from "ai-7";
import {
  caduceus,
  caduceusEmbedding,
  caduceusReranking,
  type CaduceusEmbeddingOptions,
  type CaduceusProviderOptions,
} from "../../src/adapters/ai_sdk/index.js";
import type { Model } from "../../src/index.js";

export function adapted(model: Model): void {
  expectTypeOf(caduceus(model)).toExtend<current.LanguageModel>();
  expectTypeOf(caduceus(model)).toExtend<oldest.LanguageModel>();
  expectTypeOf(caduceus(model)).toExtend<next.LanguageModel>();
  expectTypeOf(caduceusEmbedding(model)).toExtend<current.EmbeddingModel>();
  expectTypeOf(caduceusEmbedding(model)).toExtend<oldest.EmbeddingModel>();
  expectTypeOf(caduceusEmbedding(model)).toExtend<next.EmbeddingModel>();
  expectTypeOf(caduceusReranking(model)).toExtend<current.RerankingModel>();
  expectTypeOf(caduceusReranking(model)).toExtend<oldest.RerankingModel>();
  expectTypeOf(caduceusReranking(model)).toExtend<next.RerankingModel>();
  caduceus(model, { modelId: undefined });
  // @ts-expect-error there is no such version
  caduceus(model, { specification: "v2" });
}

export const options: CaduceusProviderOptions = { minP: 0.1, cacheScope: "a", priority: 3, reasoning: "off" };
export const embedding: CaduceusEmbeddingOptions = { dimensions: 3 };
// @ts-expect-error the SDK has tools of its own
export const tools: CaduceusProviderOptions = { tools: [] };
