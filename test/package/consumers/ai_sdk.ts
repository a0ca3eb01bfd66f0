// A program of the AI SDK, the same for each of its versions.
import { generateText, type EmbeddingModel, type LanguageModel, type RerankingModel } from "ai";
import { load, type Model } from "caduceus";
import { caduceus, caduceusEmbedding, caduceusReranking } from "caduceus/ai-sdk";

await using model = await load(process.argv[2]!);
const { usage } = await generateText({ model: caduceus(model), prompt: "Why is the sky blue?", maxOutputTokens: 3 });
console.log(`${usage.outputTokens} tokens`);

export const language: LanguageModel = caduceus(model);
export const others = (other: Model): [EmbeddingModel, RerankingModel] => [
  caduceusEmbedding(other),
  caduceusReranking(other),
];
// @ts-expect-error the declarations are found, and are not all `any`
caduceus(model, { specification: "v1" });
// `never` in version 6, which has no such models.
export const v4: Extract<LanguageModel, { specificationVersion: "v4" }> = caduceus(model, { specification: "v4" });
