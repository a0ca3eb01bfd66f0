/**
 * Models for the AI SDK: `ai` 6, and `ai` 7, which takes them too.
 * @module caduceus/ai-sdk
 */
export { caduceus, type CaduceusSettings } from "./language_model.js";
export { caduceusEmbedding, type CaduceusEmbeddingOptions } from "./embedding_model.js";
export { caduceusReranking, type CaduceusRerankingOptions } from "./reranking_model.js";
export type { CaduceusProviderOptions } from "./call_options.js";
export type { TextModel } from "../answered.js";
export type { OwnOptions } from "../own_options.js";
