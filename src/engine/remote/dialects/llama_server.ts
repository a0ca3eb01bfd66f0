// llama.cpp's server, in its own API: prompts are token ids, and constraints are grammars in GBNF.
import { CaduceusError } from "../../../errors.js";
import type {
  Embedding,
  EmbeddingRequest,
  EngineCapabilities,
  EngineSampling,
  ModelInfo,
  PromptPart,
  RunDelta,
  ScoredTokens,
} from "../../engine.js";
import { embedTokens } from "./embed_tokens.js";
import { limitedThought } from "./limited_thought.js";
import { serverStops, untilStop } from "./stops.js";
import { constraintGbnf } from "../grammar/constraint_gbnf.js";
import { AnswerFields } from "../http/answer_fields.js";
import type { EventReader } from "../http/event_reader.js";
import type { ServerConnection } from "../http/server_connection.js";
import { invalidAnswer, refuseError, unsupported } from "../http/upstream_errors.js";
import { PromptTokenizer } from "../prompt/prompt_tokenizer.js";
import type { TokenPiece, TokenSource } from "../prompt/token_source.js";
import { TokenBytes } from "../prompt/token_bytes.js";
import { remoteInfo, unknownContext } from "../remote_info.js";
import type { RemoteServer, ServerPiece, ServerRequest } from "../remote_server.js";
import type { ListedModel, OpenServerOptions } from "../open_server_options.js";

const vocabularyTypes = ["none", "spm", "bpe", "wpm", "ugm", "rwkv", "plamo2"] as const;

/** It takes any number. */
const mostStops = 1_000;
/** Tokens of which the texts are read, at once. */
const tokensAtOnce = 32;

export class LlamaServer implements RemoteServer {
  readonly kind = "llama-server";
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
  readonly #tokenizer: PromptTokenizer;
  readonly #bytes: TokenBytes;
  #preserved: readonly string[] = [];

  static async open(
    connection: ServerConnection,
    model: ListedModel,
    options: OpenServerOptions,
    signal?: AbortSignal,
  ) {
    const { url } = connection;
    const props = new AnswerFields(await connection.ask("/props", { signal }), url, "its properties");
    const meta = model.fields.fields("meta");
    const source = new LlamaTokens(connection);
    const eos = props.text("eos_token") ?? "";
    const [[start], ends] = await Promise.all([
      source.read([{ content: "", add_special: true }], signal),
      eos === "" ? [] : source.read([{ content: eos, parse_special: true }], signal),
    ]);
    source.bosToken = start?.[0]?.id;
    const eosToken = ends[0]?.length === 1 ? ends[0][0]!.id : undefined;
    const settings = props.fields("default_generation_settings");
    const contextSize = options.contextSize ?? settings?.count("n_ctx") ?? meta?.count("n_ctx") ?? unknownContext;
    const template = props.text("chat_template");
    const toolTemplate = props.text("chat_template_tool_use");
    const info = remoteInfo(url, model.id, {
      description: `${meta?.text("ftype") ?? "a model"} on llama-server`,
      parameters: meta?.count("n_params") ?? 0,
      sizeBytes: meta?.count("size") ?? 0,
      trainingContextSize: meta?.count("n_ctx_train") ?? 0,
      embeddingSize: meta?.count("n_embd") ?? 0,
      vocabularySize: meta?.count("n_vocab") ?? 0,
      vocabularyType: vocabularyTypes[meta?.count("vocab_type") ?? 0] ?? "none",
      ...(template === undefined || template === "" ? {} : { chatTemplate: template }),
      metadata: toolTemplate === undefined ? {} : { "tokenizer.chat_template.tool_use": toolTemplate },
      bosToken: source.bosToken,
      eosToken,
      endOfGenerationTokens: eosToken === undefined ? [] : [eosToken],
      contextSize,
      cacheTokens: contextSize * (props.count("total_slots") ?? 1),
    });
    return new LlamaServer(connection, source, info);
  }

  private constructor(connection: ServerConnection, source: LlamaTokens, info: ModelInfo) {
    this.#connection = connection;
    this.url = connection.url;
    this.info = info;
    this.#bytes = new TokenBytes((token) => this.#textOf(token));
    this.#tokenizer = new PromptTokenizer(source, (piece) => this.#bytes.learn(piece));
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
    const events = await this.#connection.stream("/completion", this.#body(request, stop), signal);
    try {
      yield* this.#pieces(events, request);
    } finally {
      events.close();
    }
  }

  async *#pieces(events: EventReader, request: ServerRequest): AsyncGenerator<ServerPiece, void, undefined> {
    let held: RunDelta | undefined;
    for (;;) {
      const event = await events.next();
      if (event === undefined) return;
      refuseError(event, this.#connection);
      const fields = new AnswerFields(event, this.url, "an event");
      const isLast = fields.boolean("stop") === true;
      const delta = this.#delta(fields, request);
      // The token that ends the turn comes as any other.
      const isEnd = delta.tokens.length > 0 && request.stopTokens.includes(delta.tokens.at(-1)!);
      if (held !== undefined && !(isLast && fields.text("stop_type") === "eos")) yield held;
      if (isLast || isEnd) {
        const endToken = isEnd ? delta : fields.text("stop_type") === "eos" ? held : undefined;
        yield this.#end(fields, request, isEnd, endToken);
        return;
      }
      held = delta.text === "" && delta.tokens.length > 0 ? delta : undefined;
      if (held === undefined && (delta.text !== "" || delta.tokens.length > 0)) yield delta;
    }
  }

  tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array> {
    return this.#tokenizer.tokenize(parts, false, signal);
  }

  async detokenize(tokens: Int32Array, special: boolean): Promise<string> {
    if (special) return this.#text([...tokens]);
    const plain = this.#tokenizer.withoutMarkup(tokens, this.info.endOfGenerationTokens);
    return this.#text(plain);
  }

  tokenBytes(tokens: Int32Array): Promise<Uint8Array[]> {
    return this.#bytes.of(tokens, tokensAtOnce);
  }

  async embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding> {
    const tokens = await this.tokenize(request.text, signal);
    return embedTokens(this.#connection, { model: "", contextSize: this.info.contextSize }, request, tokens, signal);
  }

  preserveTokens(texts: readonly string[]): void {
    this.#preserved = [...this.#preserved, ...texts];
  }

  async check(signal?: AbortSignal): Promise<void> {
    await this.#connection.ping("/health", signal);
  }

  close(): void {
    this.#connection.close();
  }

  #body(request: ServerRequest, stop: readonly string[]): object {
    const { prompt, sampling, thought, constraint, logProbabilities, topLogProbabilities = 0 } = request;
    if (request.promptLogProbabilities === true)
      throw unsupported("promptLogProbabilities cannot be used: llama-server does not compute them.");
    if ((request.minTokens ?? 0) > 0) throw unsupported("minTokens cannot be used: llama-server has no such limit.");
    const tokens = prompt.flatMap((part) => ("tokens" in part ? Array.from(part.tokens) : []));
    const gbnf = constraint && constraintGbnf(constraint, thought);
    const tags = ["<tool_call>", "</tool_call>", "<think>", "</think>", ...this.#preserved];
    return {
      prompt: tokens,
      stream: true,
      return_tokens: true,
      n_predict: request.maxTokens ?? -1,
      stop,
      ...samplingFields(sampling, this.info.contextSize),
      ...(logProbabilities ? { n_probs: Math.max(1, topLogProbabilities) } : {}),
      // Its slots know no scopes.
      cache_prompt: request.cacheScope === "",
      preserved_tokens: tags.filter((tag) => tag !== ""),
      ...(gbnf === undefined ? {} : { grammar: gbnf.grammar }),
      ...(gbnf?.kind !== "lazy"
        ? {}
        : { grammar_lazy: true, grammar_triggers: [{ type: triggerOfWord, value: gbnf.trigger }] }),
      ...(thought === undefined
        ? {}
        : {
            reasoning_budget_start_tag: thought.opening,
            reasoning_budget_end_tags: [thought.end.trim(), thought.closing],
            generation_prompt: thought.open ? thought.opening : "",
          }),
    };
  }

  #delta(fields: AnswerFields, { logProbabilities, topLogProbabilities = 0 }: ServerRequest): RunDelta {
    const text = fields.text("content") ?? "";
    const tokens = fields.tokens("tokens") ?? new Int32Array();
    if (!logProbabilities || tokens.length === 0) return { type: "delta", text, tokens };
    return { type: "delta", text, ...this.#scored(fields, topLogProbabilities) };
  }

  #scored(fields: AnswerFields, top: number): ScoredTokens {
    const list = fields.required("completion_probabilities", fields.list);
    const scored = list.map((one) => {
      const token = new AnswerFields(one, this.url, "a token");
      const likely = token
        .required("top_logprobs", token.list)
        .map((other) => new AnswerFields(other, this.url, "a token"));
      return {
        ...idAndScore(token),
        top: Array.from({ length: top }, (_, index) =>
          likely[index] ? idAndScore(likely[index]) : { id: 0, score: Number.NaN },
        ),
      };
    });
    return {
      tokens: Int32Array.from(scored, ({ id }) => id),
      logProbabilities: Float32Array.from(scored, ({ score }) => score),
      ...(top === 0
        ? {}
        : {
            topTokens: Int32Array.from(scored.flatMap((one) => one.top.map(({ id }) => id))),
            topLogProbabilities: Float32Array.from(scored.flatMap((one) => one.top.map(({ score }) => score))),
          }),
    };
  }

  #end(fields: AnswerFields, request: ServerRequest, isEnd: boolean, endToken: ScoredTokens | undefined): ServerPiece {
    const stopType = isEnd ? "eos" : fields.text("stop_type");
    const isCut = stopType === "limit";
    const word = fields.text("stopping_word");
    const timings = fields.fields("timings");
    const predicted = fields.count("tokens_predicted");
    const cached = timings?.count("cache_n");
    return {
      type: "end",
      finishReason: isCut ? "length" : "stop",
      ...(stopType === "word" && word !== undefined && request.stop.includes(word) ? { stopString: word } : {}),
      ...(request.logProbabilities && endToken !== undefined ? { endToken } : {}),
      ...(request.constraint === undefined
        ? {}
        : { constraint: { complete: !isCut, forcedTokens: 0, rejectedTokens: 0, compileMs: 0 } }),
      usage: {
        ...(predicted === undefined ? {} : { generatedTokens: Math.max(0, predicted - (stopType === "eos" ? 1 : 0)) }),
        ...(cached === undefined ? {} : { cachedTokens: cached }),
      },
      timings: timings?.has("prompt_ms") ? { promptMs: timings.required("prompt_ms", timings.count) } : {},
    };
  }

  async #text(tokens: readonly number[]): Promise<string> {
    if (tokens.length === 0) return "";
    const answer = new AnswerFields(await this.#connection.ask("/detokenize", { body: { tokens } }), this.url);
    return answer.required("content", answer.text);
  }

  #textOf(token: number): Promise<string> {
    if (token >= this.info.vocabularySize && this.info.vocabularySize > 0)
      throw new CaduceusError(
        "INVALID_ARGUMENT",
        `Invalid value for tokens: ${token}. Expected token ids of the model.`,
      );
    return this.#text([token]);
  }
}

/** Of llama.cpp's triggers, the one that is a text. */
const triggerOfWord = 1;

const idAndScore = (fields: AnswerFields) => ({
  id: fields.required("id", fields.count),
  score: fields.number("logprob") ?? Number.NaN,
});

/** `wholeContext`: how many tokens that is, for which the server knows no other word. */
function samplingFields(sampling: EngineSampling, wholeContext: number): object {
  const { dry, logitBias, seed } = sampling;
  const last = (count: number) => (count === -1 ? wholeContext : count);
  return {
    temperature: sampling.temperature,
    top_k: sampling.topK,
    top_p: sampling.topP,
    min_p: sampling.minP,
    typical_p: sampling.typicalP,
    top_n_sigma: sampling.topNSigma === 0 ? -1 : sampling.topNSigma,
    repeat_penalty: sampling.repeatPenalty,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    repeat_last_n: last(sampling.penaltyLastN),
    dry_multiplier: dry.multiplier,
    ...(dry.multiplier === 0
      ? {}
      : {
          dry_base: dry.base,
          dry_allowed_length: dry.allowedLength,
          dry_penalty_last_n: last(dry.lastN),
          ...(dry.sequenceBreakers.length === 0 ? {} : { dry_sequence_breakers: dry.sequenceBreakers }),
        }),
    xtc_probability: sampling.xtcProbability,
    xtc_threshold: sampling.xtcThreshold,
    dynatemp_range: sampling.dynatempRange,
    dynatemp_exponent: sampling.dynatempExponent,
    mirostat: sampling.mirostat,
    mirostat_tau: sampling.mirostatTau,
    mirostat_eta: sampling.mirostatEta,
    adaptive_target: sampling.adaptiveTarget,
    adaptive_decay: sampling.adaptiveDecay,
    ...(seed === undefined ? {} : { seed }),
    logit_bias: logitBias.map(([token, bias]) => [token, bias === -Infinity ? false : bias]),
  };
}

interface TokenizeBody {
  readonly content: string | readonly (string | number)[];
  readonly add_special?: boolean;
  readonly parse_special?: boolean;
}

class LlamaTokens implements TokenSource {
  bosToken: number | undefined;
  readonly #connection: ServerConnection;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
  }

  tokenize(texts: readonly string[], markup: boolean, signal?: AbortSignal): Promise<TokenPiece[][]> {
    return this.read(
      texts.map((content) => ({ content, parse_special: markup })),
      signal,
    );
  }

  async read(bodies: readonly TokenizeBody[], signal?: AbortSignal): Promise<TokenPiece[][]> {
    return Promise.all(bodies.map((body) => this.#read(body, signal)));
  }

  async #read(given: TokenizeBody, signal: AbortSignal | undefined): Promise<TokenPiece[]> {
    const { url } = this.#connection;
    const body = { parse_special: false, add_special: false, ...given, with_pieces: true };
    const answer = new AnswerFields(await this.#connection.ask("/tokenize", { body, signal }), url);
    return answer.required("tokens", answer.list).map((one) => {
      const token = new AnswerFields(one, url, "a token");
      const piece = token.value("piece");
      const isBytes = Array.isArray(piece) && piece.every((byte) => Number.isInteger(byte));
      if (typeof piece !== "string" && !isBytes) throw invalidAnswer(url, "a token that has no text");
      return {
        id: token.required("id", token.count),
        bytes: typeof piece === "string" ? Buffer.from(piece) : Uint8Array.from(piece as number[]),
      };
    });
  }
}
