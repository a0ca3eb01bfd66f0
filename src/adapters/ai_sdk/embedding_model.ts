// A model for embeddings as the AI SDK's embedding model.
import type { EmbedOptions, Model } from "../../index.js";
import { checkOptions } from "../../options/option_checks.js";
import { nameOf } from "../answered.js";
import type { CaduceusSettings } from "./language_model.js";
import type { EmbeddingModelV3, EmbeddingModelV4 } from "./sdk_types.js";

/** What stands under `providerOptions: { caduceus: … }`. */
export type CaduceusEmbeddingOptions = Pick<EmbedOptions, "dimensions" | "normalize" | "pooling" | "truncate">;

/** The model for `embed` and `embedMany`, which hands it all texts at once. */
export function caduceusEmbedding(
  model: Pick<Model, "embed" | "info">,
  settings?: CaduceusSettings<"v3">,
): EmbeddingModelV3;
export function caduceusEmbedding(
  model: Pick<Model, "embed" | "info">,
  settings: CaduceusSettings<"v4">,
): EmbeddingModelV4;
export function caduceusEmbedding(
  model: Pick<Model, "embed" | "info">,
  { specification = "v3", modelId = nameOf(model) }: CaduceusSettings = {},
): EmbeddingModelV3 | EmbeddingModelV4 {
  const embeddingModel: Omit<EmbeddingModelV3, "specificationVersion"> = {
    provider: "caduceus",
    modelId,
    maxEmbeddingsPerCall: Number.POSITIVE_INFINITY,
    supportsParallelCalls: true,
    async doEmbed({ values, abortSignal, providerOptions }) {
      const options: CaduceusEmbeddingOptions = checkOptions(
        providerOptions?.["caduceus"],
        "providerOptions.caduceus",
        ["dimensions", "normalize", "pooling", "truncate"],
      );
      const { embeddings, usage } = await model.embed(values, { ...options, signal: abortSignal });
      return {
        embeddings: embeddings.map((embedding) => Array.from(embedding)),
        usage: { tokens: usage.promptTokens },
        warnings: [],
      };
    },
  };
  return { specificationVersion: specification, ...embeddingModel } as EmbeddingModelV3 | EmbeddingModelV4;
}
