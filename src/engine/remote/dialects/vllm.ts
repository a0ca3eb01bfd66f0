// vLLM: raw completions of token ids, its tokenizer, and its structured outputs, which take grammars in GBNF.
import type {
  Embedding,
  EmbeddingRequest,
  EngineCapabilities,
  EngineSampling,
  ModelInfo,
  PromptPart,
  RunPrompt,
  ThoughtRequest,
} from "../../engine.js";
import { constraintGbnf, type GbnfConstraint } from "../grammar/constraint_gbnf.js";
import { AnswerFields } from "../http/answer_fields.js";
import type { ServerConnection } from "../http/server_connection.js";
import { invalidAnswer, unsupported } from "../http/upstream_errors.js";
import { PromptTokenizer } from "../prompt/prompt_tokenizer.js";
import { TokenBytes } from "../prompt/token_bytes.js";
import { remoteInfo, unknownContext, unknownVocabulary } from "../remote_info.js";
import type { RemoteServer, ServerPiece, ServerRequest } from "../remote_server.js";
import type { ListedModel, OpenServerOptions } from "../open_server_options.js";
import { completionPieces } from "./completion_pieces.js";
import { embedTokens } from "./embed_tokens.js";
import { limitedThought } from "./limited_thought.js";
import { serverStops, untilStop } from "./stops.js";
import { VllmTokens } from "./vllm_tokens.js";

/** Stop strings that vLLM takes. */
const mostStops = 4;
/** Tokens of which the texts are asked for at once. */
const tokensAtOnce = 16;

export class VllmServer implements RemoteServer {
  readonly kind = "vllm";
  readonly url: string;
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities = {
    constrained: true,
    prefixSharing: true,
    logProbabilities: true,
    deterministic: false,
    grammar: "gbnf",
    constrainsOtherCalls: false,
  };
  readonly #connection: ServerConnection;
  readonly #model: string;
  readonly #tokens: VllmTokens;
  readonly #tokenizer: PromptTokenizer;
  readonly #bytes: TokenBytes;

  static async open(
    connection: ServerConnection,
    model: ListedModel,
    options: OpenServerOptions,
    signal?: AbortSignal,
  ) {
    const { url } = connection;
    const tokens = await VllmTokens.open(connection, model.id, signal);
    // Only servers that were started so tell it.
    const told = await connection.find("/tokenizer_info", { signal });
    const template = told === undefined ? undefined : new AnswerFields(told, url).value("chat_template");
    const contextSize = options.contextSize ?? model.fields.count("max_model_len") ?? unknownContext;
    const info = remoteInfo(url, model.id, {
      description: "a model on vLLM",
      vocabularySize: unknownVocabulary,
      ...(typeof template === "string" ? { chatTemplate: template } : {}),
      bosToken: tokens.bosToken,
      contextSize,
      cacheTokens: contextSize,
    });
    return new VllmServer(connection, model.id, tokens, info);
  }

  private constructor(connection: ServerConnection, model: string, tokens: VllmTokens, info: ModelInfo) {
    this.#connection = connection;
    this.#model = model;
    this.#tokens = tokens;
    this.url = connection.url;
    this.info = info;
    this.#bytes = new TokenBytes((token) => this.#text([token]));
    this.#tokenizer = new PromptTokenizer(tokens, (piece) => this.#bytes.learn(piece));
  }

  async prepare(parts: readonly PromptPart[], continues: boolean, signal: AbortSignal): Promise<readonly PromptPart[]> {
    return [{ tokens: await this.#tokenizer.tokenize(parts, continues, signal) }];
  }

  async *run(request: ServerRequest, signal: AbortSignal): AsyncGenerator<ServerPiece, void, undefined> {
    const stop = serverStops(request, mostStops);
    const pieces = limitedThought(request, {
      answer: (asked) => this.#answer(asked, stop, signal),
      prepare: (parts) => this.prepare(parts, true, signal),
    });
    yield* untilStop(pieces, request, stop);
  }

  async *#answer(request: ServerRequest, stop: readonly string[], signal: AbortSignal) {
    const body = await this.#body(request, stop, signal);
    if (request.promptLogProbabilities === true) yield await this.#scoredPrompt(request, body, signal);
    const events = await this.#connection.stream("/v1/completions", body, signal);
    try {
      yield* completionPieces(events, request, this.#connection);
    } finally {
      events.close();
    }
  }

  tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array> {
    return this.#tokenizer.tokenize(parts, false, signal);
  }

  detokenize(tokens: Int32Array, special: boolean): Promise<string> {
    return this.#text(special ? [...tokens] : this.#tokenizer.withoutMarkup(tokens, this.info.endOfGenerationTokens));
  }

  tokenBytes(tokens: Int32Array): Promise<Uint8Array[]> {
    return this.#bytes.of(tokens, tokensAtOnce);
  }

  async embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding> {
    const tokens = await this.tokenize(request.text, signal);
    return embedTokens(
      this.#connection,
      { model: this.#model, contextSize: this.info.contextSize },
      request,
      tokens,
      signal,
    );
  }

  /** Texts of control tokens are always asked for. */
  preserveTokens(): void {}

  async check(signal?: AbortSignal): Promise<void> {
    await this.#connection.ping("/health", signal);
  }

  close(): void {
    this.#connection.close();
  }

  async #body(request: ServerRequest, stop: readonly string[], signal: AbortSignal): Promise<Record<string, unknown>> {
    const { prompt, sampling, constraint, thought, logProbabilities, topLogProbabilities = 0 } = request;
    const gbnf = constraint && constraintGbnf(constraint);
    return {
      model: this.#model,
      prompt: prompt.flatMap((part) => ("tokens" in part ? Array.from(part.tokens) : [])),
      stream: true,
      stream_options: { include_usage: true },
      return_token_ids: true,
      // Tags of calls may be control tokens.
      skip_special_tokens: false,
      spaces_between_special_tokens: false,
      ...(request.maxTokens === undefined ? {} : { max_tokens: Math.max(1, request.maxTokens) }),
      ...((request.minTokens ?? 0) > 0 ? { min_tokens: request.minTokens } : {}),
      ...(stop.length === 0 ? {} : { stop }),
      stop_token_ids: request.stopTokens,
      ...(logProbabilities ? { logprobs: topLogProbabilities, return_tokens_as_token_ids: true } : {}),
      ...(request.cacheScope === "" ? {} : { cache_salt: request.cacheScope }),
      ...this.#sampling(sampling),
      ...(await this.#biases(request, signal)),
      ...(gbnf === undefined ? {} : { structured_outputs: structuredOutputs(gbnf, thought) }),
    };
  }

  #sampling(sampling: EngineSampling): object {
    const { dry, seed, topK, topP } = sampling;
    const used = Object.entries({
      dryMultiplier: dry.multiplier !== 0,
      topNSigma: sampling.topNSigma > 0,
      typicalP: sampling.typicalP !== 1,
      xtcProbability: sampling.xtcProbability !== 0,
      dynatempRange: sampling.dynatempRange !== 0,
      mirostat: sampling.mirostat !== 0,
      adaptiveTarget: sampling.adaptiveTarget >= 0,
    }).find(([, isUsed]) => isUsed);
    if (used !== undefined) throw unsupported(`${used[0]} cannot be used: vLLM has no such sampler.`);
    return {
      temperature: sampling.temperature,
      top_k: topK,
      top_p: topP === 0 ? 1e-6 : topP,
      min_p: sampling.minP,
      repetition_penalty: sampling.repeatPenalty,
      frequency_penalty: sampling.frequencyPenalty,
      presence_penalty: sampling.presencePenalty,
      ...(seed === undefined ? {} : { seed }),
    };
  }

  async #biases({ sampling: { logitBias }, stopTokens }: ServerRequest, signal: AbortSignal): Promise<object> {
    if (logitBias.length === 0) return {};
    const banned = new Set(logitBias.flatMap(([token, bias]) => (bias === -Infinity ? [token] : [])));
    const goesOn = stopTokens.length > 0 && stopTokens.every((token) => banned.has(token));
    const texts = logitBias.flatMap(([token]) => (typeof token === "string" ? [token] : []));
    const read = texts.length === 0 ? [] : await this.#tokens.tokenize(texts, false, signal);
    const biases = logitBias.flatMap(([token, bias]) => {
      const tokens = typeof token === "number" ? [token] : read[texts.indexOf(token)]!.map(({ id }) => id);
      return tokens.map((one) => [String(one), bias === -Infinity ? leastBias : bias] as const);
    });
    return { logit_bias: Object.fromEntries(biases), ...(goesOn ? { ignore_eos: true } : {}) };
  }

  /** Log probabilities of the prompt come with whole answers only. */
  async #scoredPrompt(request: ServerRequest, body: object, signal: AbortSignal): Promise<RunPrompt> {
    const top = request.topLogProbabilities ?? 0;
    const asked = { ...body, stream: false, stream_options: undefined, max_tokens: 1, prompt_logprobs: top };
    const answer = new AnswerFields(await this.#connection.ask("/v1/completions", { body: asked, signal }), this.url);
    const [choice] = answer.required("choices", answer.list);
    const list = new AnswerFields(choice, this.url).list("prompt_logprobs") ?? [];
    const tokens = request.prompt.flatMap((part) => ("tokens" in part ? Array.from(part.tokens) : []));
    if (list.length !== tokens.length) throw invalidAnswer(this.url, "log probabilities of another prompt");
    const scores = list.map((one) => (one === null ? new Map<number, number>() : scoresOf(one, this.url)));
    const likely = scores.map((known) => [...known].sort((a, b) => b[1] - a[1]).slice(0, top));
    const at = (index: number, place: number) => likely[index]?.[place] ?? [0, Number.NaN];
    const places = tokens.flatMap((_, index) => Array.from({ length: top }, (__, place) => at(index, place)));
    return {
      type: "prompt",
      tokens: Int32Array.from(tokens),
      logProbabilities: Float32Array.from(tokens, (token, index) => scores[index]!.get(token) ?? Number.NaN),
      ...(top === 0
        ? {}
        : {
            topTokens: Int32Array.from(places, ([id]) => id!),
            topLogProbabilities: Float32Array.from(places, ([, score]) => score!),
          }),
    };
  }

  async #text(tokens: readonly number[]): Promise<string> {
    if (tokens.length === 0) return "";
    const body = { model: this.#model, tokens };
    const answer = new AnswerFields(await this.#connection.ask("/detokenize", { body }), this.url);
    return answer.required("prompt", answer.text);
  }
}

/** As low as vLLM lets a bias be. */
const leastBias = -100;

function scoresOf(value: unknown, url: string): Map<number, number> {
  if (typeof value !== "object" || value === null) throw invalidAnswer(url, "log probabilities that are none");
  return new Map(
    Object.entries(value).map(([id, one]) => [Number(id), new AnswerFields(one, url).number("logprob") ?? Number.NaN]),
  );
}

/** A thought before the answer may be markup of control tokens, which only a structural tag knows. */
function structuredOutputs(gbnf: GbnfConstraint, thought: ThoughtRequest | undefined): object {
  if (gbnf.kind === "whole" && thought === undefined) return { grammar: gbnf.grammar };
  const tag = (begin: string, content: object, end: string) => ({ type: "tag", begin, content, end });
  const format =
    gbnf.kind === "lazy"
      ? {
          type: "triggered_tags",
          triggers: [gbnf.trigger],
          tags: [tag(gbnf.begin, { type: "grammar", grammar: gbnf.call }, gbnf.end)],
          at_least_one: false,
          stop_after_first: !gbnf.several,
        }
      : { type: "sequence", elements: [...thoughtElements(thought!), { type: "grammar", grammar: gbnf.grammar }] };
  return { structural_tag: JSON.stringify({ type: "structural_tag", format }) };
}

function thoughtElements({ opening, closing, open }: ThoughtRequest): object[] {
  const thought = { type: "tag", begin: open ? "" : opening, content: { type: "any_text" }, end: closing };
  const white = { type: "regex", pattern: "[ \\n\\r\\t]{0,4}" };
  return [open ? thought : { type: "optional", content: thought }, white];
}
