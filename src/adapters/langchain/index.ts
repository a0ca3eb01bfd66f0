/**
 * Models for LangChain.js and LangGraph: `@langchain/core` 1.
 * @module caduceus/langchain
 */
export {
  ChatCaduceus,
  type ChatCaduceusCallOptions,
  type ChatCaduceusFields,
} from "./chat_caduceus.js";
export { CaduceusEmbeddings, type CaduceusEmbeddingsFields } from "./embeddings.js";
