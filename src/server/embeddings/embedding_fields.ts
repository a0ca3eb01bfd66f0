// Every field that OpenAI, Jina, Cohere, Ollama and Text Embeddings Inference document for embeddings and rerankers.
import { FieldTable, honored, nothing, refused } from "../fields/field_table.js";

const model = honored("model", "a configured name; may be missing if there is only one model");
const user = nothing("user", "for the provider's own records");

export const embeddingFields = new FieldTable([
  model,
  honored("input", "a string, or up to 2,048; texts, not token ids"),
  honored("encoding_format", "`float` or `base64`"),
  honored("dimensions", "keeps the first so many values, for models that were trained for it"),
  honored("truncate", "`true` cuts texts that are too long, which are refused otherwise"),
  refused("input_type", "write the prefix that the model's card names before each text."),
  refused("prompt_name", "write the prefix that the model's card names before each text."),
  refused("task", "write the prefix that the model's card names before each text."),
  refused("embd_normalize", "embeddings have length 1.", [2]),
  refused("normalize", "embeddings have length 1.", [true]),
  refused("truncate_prompt_tokens", "`truncate` cuts texts at the model's own length."),
  user,
]);

export const rerankFields = new FieldTable([
  model,
  honored("query", "a string"),
  honored("documents", "up to 2,048 strings, or objects with `text`"),
  honored("top_n", "the best so many; missing means all"),
  honored("return_documents", "`true` repeats each document in its result"),
  honored("texts", "used if `documents` is missing; the answer then has the form of Text Embeddings Inference"),
  honored("return_text", "used if `return_documents` is missing"),
  honored("truncate", "`true` cuts documents that are too long, which are refused otherwise"),
  refused("max_tokens_per_doc", "`truncate` cuts documents at the model's own length."),
  refused("truncate_prompt_tokens", "`truncate` cuts documents at the model's own length."),
  refused("rank_fields", "put what counts into the text of each document."),
  refused("raw_scores", "scores are from 0 to 1.", [false]),
  refused("truncation_direction", "`truncate` cuts documents at their end.", ["right", "Right"]),
  user,
]);

export const ollamaEmbedFields = new FieldTable([
  honored("model", "a configured name, with or without `:latest`; may be missing if there is only one model"),
  honored("input", "a string, or up to 2,048"),
  honored("truncate", "`false` refuses texts that are too long, which are cut otherwise"),
  honored("dimensions", "keeps the first so many values, for models that were trained for it"),
  honored("keep_alive", "how long the model [stays loaded](#several-models) without use"),
  nothing("options", "decided when the model is loaded"),
]);
