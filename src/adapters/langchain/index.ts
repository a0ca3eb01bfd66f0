/**
 * Models for LangChain.js and LangGraph: `@langchain/core` 1.
 * @module caduceus/langchain
 */
export {
  ChatCaduceus,
  type ChatCaduceusCallOptions,
  type ChatCaduceusFields,
} from "./chat_caduceus.js";
export type { OutputSchema } from "./structured_output.js";
export type { TextModel } from "../answered.js";
export type { OwnOptions } from "../own_options.js";
export { CaduceusEmbeddings, type CaduceusEmbeddingsFields } from "./embeddings.js";
