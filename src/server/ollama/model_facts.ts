// What Ollama's clients are told of a model, loaded or not.
import type { Model, ModelSummary } from "../../index.js";

export interface ModelFacts {
  readonly architecture: string;
  readonly parameters: number;
  /** As files are named: `Q4_K_M`. */
  readonly quantization: string;
  readonly sizeBytes: number;
  readonly contextSize: number;
  readonly chatTemplate: string;
  readonly metadata: object;
  readonly capabilities: readonly string[];
}

export function fromModel({ info, capabilities }: Model): ModelFacts {
  const { architecture, parameters, description, sizeBytes, contextSize, chatTemplate = "", metadata, purpose } = info;
  return {
    architecture,
    parameters,
    // The end of llama.cpp's description, `Q4_K - Medium`.
    quantization: (/^\S+ \S+ (.+)$/.exec(description)?.[1] ?? "").replace(/ - ([SML])\w*$/, "_$1"),
    sizeBytes,
    contextSize,
    chatTemplate,
    metadata: metadataOf(Object.entries(metadata).map(toNumber), architecture, parameters),
    capabilities: capabilitiesOf(purpose, { insert: capabilities.infill, thinking: capabilities.reasoning }),
  };
}

/** Whether it thinks or fills in is found out when it is loaded. */
export function fromHeader(summary: ModelSummary): ModelFacts {
  const { architecture, parameters, quantization = "", sizeBytes, memory, chatTemplate = "", metadata } = summary;
  const pooling = metadata[`${architecture}.pooling_type`];
  const purpose = pooling === rankPooling ? "reranking" : pooling === undefined || pooling === 0 ? "text" : "embedding";
  const values = Object.entries(metadata).filter(([, value]) => typeof value !== "object");
  return {
    architecture,
    parameters,
    quantization,
    sizeBytes,
    contextSize: memory.contextSize,
    chatTemplate,
    metadata: metadataOf(values, architecture, parameters),
    capabilities: capabilitiesOf(purpose, {}),
  };
}

/** llama.cpp's number for rerankers. */
const rankPooling = 4;

function capabilitiesOf(
  purpose: Model["info"]["purpose"],
  { insert = false, thinking = false }: { readonly insert?: boolean; readonly thinking?: boolean },
): readonly string[] {
  if (purpose === "text")
    return ["completion", "tools", ...(insert ? ["insert"] : []), ...(thinking ? ["thinking"] : [])];
  return purpose === "embedding" ? ["embedding"] : [];
}

/** The template has a field of its own. */
const metadataOf = (entries: readonly (readonly [string, unknown])[], architecture: string, parameters: number) => ({
  ...Object.fromEntries(entries.filter(([name]) => name !== "tokenizer.chat_template")),
  "general.architecture": architecture,
  "general.parameter_count": parameters,
});

const toNumber = ([name, value]: readonly [string, string]): readonly [string, unknown] => [
  name,
  /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value,
];

/** Of what is not known yet, nothing. */
export function detailsOf(facts: ModelFacts | undefined): object {
  const family = facts?.architecture ?? "";
  return {
    parent_model: "",
    format: "gguf",
    family,
    families: family === "" ? [] : [family],
    parameter_size: facts === undefined ? "" : sizeOf(facts.parameters),
    quantization_level: facts?.quantization ?? "",
  };
}

const sizeOf = (count: number) => (count >= 1e9 ? `${(count / 1e9).toFixed(1)}B` : `${(count / 1e6).toFixed(1)}M`);
