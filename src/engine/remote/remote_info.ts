// What is said of a model of which a server tells little: what is not known is 0.
import type { ModelInfo } from "../engine.js";

/** Of a server that does not tell: no id is refused here. */
export const unknownVocabulary = 0x7fffffff;
/** The same: nothing is too long here. */
export const unknownContext = 0x7fffffff;

type Known = Partial<Pick<ModelInfo, "chatTemplate" | "bosToken" | "eosToken">> &
  Omit<Partial<ModelInfo>, "chatTemplate">;

export function remoteInfo(url: string, name: string, known: Known): ModelInfo {
  const { bosToken, eosToken, ...rest } = known;
  return {
    path: `${url}/${name.replace(/^\/+/, "")}`,
    name,
    description: "a model on a server",
    architecture: "unknown",
    purpose: "text",
    parameters: 0,
    sizeBytes: 0,
    trainingContextSize: 0,
    layers: 0,
    embeddingSize: 0,
    heads: 0,
    headsKv: 0,
    vocabularySize: 0,
    vocabularyType: "none",
    metadata: {},
    endOfGenerationTokens: [],
    contextSize: unknownContext,
    cacheTokens: 0,
    kvType: "f16",
    threads: 0,
    matrixKernels: "remote",
    gpuLayers: 0,
    devices: [],
    ...rest,
    ...(bosToken === undefined ? {} : { bosToken }),
    ...(eosToken === undefined ? {} : { eosToken }),
  };
}
