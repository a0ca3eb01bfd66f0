// Embeddings of texts, and the scores of a reranker: many texts at once through the engine, which batches them.
import type { Embedding, EmbeddingRequest, PromptPart } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import { followSignal } from "../../follow_signal.js";
import type { LoadedModel } from "../../model/loading/loaded_model.js";
import { checkText } from "../../options/option_checks.js";
import { checkNotEmpty, checkTexts, readEmbedOptions, readRerankOptions, type TextSettings } from "./embed_options.js";

/** Embeddings of texts. */
export interface Embeddings {
  /** One for each text, in their order. */
  readonly embeddings: Float32Array[];
  /** Indices of the texts that were cut. */
  readonly truncated: number[];
  readonly usage: { readonly promptTokens: number };
}

/** A document, and how well it answers the query. */
export interface RankedDocument {
  /** In the documents that were given. */
  readonly index: number;
  readonly document: string;
  /** From 0 to 1. Comparable between the documents of one query. */
  readonly score: number;
}

/** Documents in the order of their scores. */
export interface Ranking {
  /** The best first. */
  readonly results: RankedDocument[];
  /** Indices of the documents that were cut. */
  readonly truncated: number[];
  readonly usage: { readonly promptTokens: number };
}

/** Texts that the engine has at once: more than one batch takes, and few enough to cancel them all at once. */
const inFlight = 128;

export async function embedTexts(model: LoadedModel, input: unknown, options: unknown): Promise<Embeddings> {
  model.closing.throwIfAborted();
  const { info } = model.engine;
  const { normalize, dimensions, pooling, ...settings } = readEmbedOptions(options, info.embeddingSize);
  const isOne = typeof input === "string";
  const texts = isOne ? [checkNotEmpty(input, "texts")] : checkTexts(input, "texts");
  if (info.purpose === "reranking")
    throw new CaduceusError("UNSUPPORTED", "This is a reranker, which scores pairs.", { remedy: "Use rerank." });
  const requests = texts.map((text) => ({ text: [{ text }], pooling, truncate: settings.truncate }));
  const { answers, ...rest } = await compute(
    model,
    requests,
    (index) => (isOne ? "texts" : `texts[${index}]`),
    settings,
  );
  return {
    embeddings: answers.map(({ values }) => {
      const kept = dimensions === undefined ? values : values.slice(0, dimensions);
      return normalize ? toLengthOne(kept) : kept;
    }),
    ...rest,
  };
}

export async function rerankDocuments(
  model: LoadedModel,
  query: unknown,
  documents: unknown,
  options: unknown,
): Promise<Ranking> {
  model.closing.throwIfAborted();
  const { info } = model.engine;
  const { topN, ...settings } = readRerankOptions(options);
  const asked = checkText(query, "query");
  const texts = checkTexts(documents, "documents");
  if (info.purpose !== "reranking")
    throw new CaduceusError("UNSUPPORTED", `This is a model for ${info.purpose} and no reranker.`);
  const template = info.metadata["tokenizer.chat_template.rerank"];
  const requests = texts.map((document) => ({
    ...(template === undefined
      ? { text: [{ text: asked }], second: [{ text: document }] }
      : { text: fillTemplate(template, asked, document), whole: true }),
    truncate: settings.truncate,
  }));
  const { answers, ...rest } = await compute(model, requests, (index) => `documents[${index}]`, settings);
  const results = answers.map(({ values }, index) => ({
    index,
    document: texts[index] as string,
    score: scoreOf(values),
  }));
  results.sort((a, b) => b.score - a.score || a.index - b.index);
  return { results: results.slice(0, topN), ...rest };
}

async function compute(
  model: LoadedModel,
  requests: readonly EmbeddingRequest[],
  placeOf: (index: number) => string,
  { onProgress, signal }: TextSettings,
) {
  const ending = new AbortController();
  const unfollow = [signal, model.closing].map((other) => followSignal(other, (reason) => ending.abort(reason)));
  const answers: Embedding[] = [];
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < requests.length) {
      const index = next++;
      try {
        answers[index] = await model.engine.embed(requests[index] as EmbeddingRequest, ending.signal);
      } catch (error) {
        const isTooLong = error instanceof CaduceusError && error.code === "CONTEXT_FULL";
        throw isTooLong ? tooLong(error, placeOf(index)) : error;
      }
      done++;
      onProgress?.({ done, total: requests.length });
    }
  };
  try {
    signal?.throwIfAborted();
    await Promise.all(Array.from({ length: Math.min(inFlight, requests.length) }, worker));
  } catch (error) {
    ending.abort(error);
    throw error;
  } finally {
    for (const stop of unfollow) stop();
  }
  return {
    answers,
    truncated: answers.flatMap(({ truncated }, index) => (truncated ? [index] : [])),
    usage: { promptTokens: answers.reduce((sum, { tokens }) => sum + tokens, 0) },
  };
}

const tooLong = (error: CaduceusError, param: string) =>
  new CaduceusError("CONTEXT_FULL", error.problem, { param, remedy: "Shorten it, or set truncate to true." });

function toLengthOne(values: Float32Array): Float32Array {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? values : values.map((value) => value / length);
}

/** One class has a score of any size, several share 1. */
function scoreOf(values: Float32Array): number {
  const [first = 0] = values;
  return values.length === 1 ? 1 / (1 + Math.exp(-first)) : first;
}

/** What a file says of how the two become one text. */
function fillTemplate(template: string, query: string, document: string): PromptPart[] {
  return template.split(/(\{query\}|\{document\})/).flatMap((piece): PromptPart[] => {
    if (piece === "") return [];
    if (piece === "{query}") return [{ text: query }];
    return [piece === "{document}" ? { text: document } : { control: piece }];
  });
}
