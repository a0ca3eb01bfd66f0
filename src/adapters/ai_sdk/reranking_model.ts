// A reranker as the AI SDK's reranking model.
import type { Model, RerankOptions } from "../../index.js";
import { checkOptions } from "../../options/option_checks.js";
import { nameOf } from "../answered.js";
import type { CaduceusSettings } from "./language_model.js";
import type { RerankingModelV3, RerankingModelV4 } from "./sdk_types.js";

/** What stands under `providerOptions: { caduceus: … }`. */
export type CaduceusRerankingOptions = Pick<RerankOptions, "truncate">;

/** The model for `rerank`. Documents that are objects are read as their JSON. */
export function caduceusReranking(
  model: Pick<Model, "rerank" | "info">,
  settings?: CaduceusSettings<"v3">,
): RerankingModelV3;
export function caduceusReranking(
  model: Pick<Model, "rerank" | "info">,
  settings: CaduceusSettings<"v4">,
): RerankingModelV4;
export function caduceusReranking(
  model: Pick<Model, "rerank" | "info">,
  { specification = "v3", modelId = nameOf(model) }: CaduceusSettings = {},
): RerankingModelV3 | RerankingModelV4 {
  const rerankingModel: Omit<RerankingModelV3, "specificationVersion"> = {
    provider: "caduceus",
    modelId,
    async doRerank({ query, documents, topN, abortSignal, providerOptions }) {
      const options: CaduceusRerankingOptions = checkOptions(
        providerOptions?.["caduceus"],
        "providerOptions.caduceus",
        ["truncate"],
      );
      const texts =
        documents.type === "text" ? documents.values : documents.values.map((document) => JSON.stringify(document));
      const { results } = await model.rerank(query, texts, { ...options, topN, signal: abortSignal });
      return { ranking: results.map(({ index, score }) => ({ index, relevanceScore: score })) };
    },
  };
  return { specificationVersion: specification, ...rerankingModel } as RerankingModelV3 | RerankingModelV4;
}
