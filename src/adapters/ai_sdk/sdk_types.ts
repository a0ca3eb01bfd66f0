// The AI SDK's own types, by way of the package `ai`: what lies below it cannot be imported everywhere.
import type { EmbeddingModel, LanguageModel, RerankingModel } from "ai";

export type LanguageModelV3 = Extract<LanguageModel, { readonly specificationVersion: "v3" }>;
export type EmbeddingModelV3 = Extract<EmbeddingModel, { readonly specificationVersion: "v3" }>;
export type RerankingModelV3 = Extract<RerankingModel, { readonly specificationVersion: "v3" }>;

/** `never` with `ai` 6. */
export type LanguageModelV4 = Extract<LanguageModel, { readonly specificationVersion: "v4" }>;
export type EmbeddingModelV4 = Extract<EmbeddingModel, { readonly specificationVersion: "v4" }>;
export type RerankingModelV4 = Extract<RerankingModel, { readonly specificationVersion: "v4" }>;

export type CallOptions = Parameters<LanguageModelV3["doGenerate"]>[0];
export type Prompt = CallOptions["prompt"];
export type GenerateResult = Awaited<ReturnType<LanguageModelV3["doGenerate"]>>;
export type Content = GenerateResult["content"][number];
export type Warning = GenerateResult["warnings"][number];
export type StreamPart =
  Awaited<ReturnType<LanguageModelV3["doStream"]>>["stream"] extends ReadableStream<infer Part> ? Part : never;
