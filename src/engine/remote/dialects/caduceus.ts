// Another Caduceus: its engine is asked as if it were here, constraints and thoughts included.
import type {
  Embedding,
  EmbeddingRequest,
  EngineCapabilities,
  ModelInfo,
  PromptPart,
  ScoredTokens,
  Timings,
} from "../../engine.js";
import { AnswerFields } from "../http/answer_fields.js";
import type { ServerConnection } from "../http/server_connection.js";
import { invalidAnswer, refuseError } from "../http/upstream_errors.js";
import type { RemoteServer, ServerPiece, ServerRequest } from "../remote_server.js";
import { isObject } from "../../../json_object.js";

const protocol = 1;

export class CaduceusServer implements RemoteServer {
  readonly kind = "caduceus";
  readonly url: string;
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
  readonly #connection: ServerConnection;
  readonly #model: string;

  static async open(connection: ServerConnection, model: string, signal?: AbortSignal): Promise<CaduceusServer> {
    const { url } = connection;
    const answer = new AnswerFields(await connection.ask("/v1/engine", { body: { model }, signal }), url);
    if (answer.number("protocol") !== protocol)
      throw invalidAnswer(url, "another version of Caduceus' protocol: both sides need versions that fit");
    const capabilities = answer.required("capabilities", answer.fields);
    return new CaduceusServer(connection, model, readInfo(answer, connection), {
      constrained: capabilities.boolean("constrained") ?? false,
      prefixSharing: capabilities.boolean("prefixSharing") ?? false,
      logProbabilities: capabilities.boolean("logProbabilities") ?? false,
      deterministic: capabilities.boolean("deterministic") ?? false,
      // Its own model may be on a server.
      ...(capabilities.boolean("tokenizes") === false ? { tokenizes: false } : {}),
      ...(capabilities.boolean("limitsThoughts") === false ? { limitsThoughts: false } : {}),
      ...(capabilities.boolean("constrainsOtherCalls") === false ? { constrainsOtherCalls: false } : {}),
      ...(capabilities.text("grammar") === "gbnf" ? { grammar: "gbnf" } : {}),
    });
  }

  private constructor(connection: ServerConnection, model: string, info: ModelInfo, capabilities: EngineCapabilities) {
    this.#connection = connection;
    this.#model = model;
    this.url = connection.url;
    this.info = info;
    this.capabilities = capabilities;
  }

  /** The server knows its vocabulary. */
  async prepare(parts: readonly PromptPart[]): Promise<readonly PromptPart[]> {
    return parts;
  }

  async *run(request: ServerRequest, signal: AbortSignal): AsyncGenerator<ServerPiece, void, undefined> {
    const events = await this.#connection.stream("/v1/engine/run", { model: this.#model, ...written(request) }, signal);
    try {
      for (;;) {
        const event = await events.next();
        if (event === undefined) return;
        yield this.#read(event, request);
      }
    } finally {
      events.close();
    }
  }

  async tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array> {
    const answer = await this.#ask("tokenize", { prompt: writtenParts(parts) }, signal);
    return answer.required("tokens", answer.tokens);
  }

  async detokenize(tokens: Int32Array, special: boolean): Promise<string> {
    const answer = await this.#ask("detokenize", { tokens: [...tokens], special });
    return answer.required("text", answer.text);
  }

  async tokenBytes(tokens: Int32Array): Promise<Uint8Array[]> {
    const answer = await this.#ask("token-bytes", { tokens: [...tokens] });
    const list = answer.required("bytes", answer.list);
    if (list.length !== tokens.length) throw invalidAnswer(this.url, "another number of tokens");
    return list.map((bytes) => new Uint8Array(Buffer.from(String(bytes), "base64")));
  }

  async embed({ text, second, ...rest }: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding> {
    const parts = { text: writtenParts(text), ...(second === undefined ? {} : { second: writtenParts(second) }) };
    const answer = await this.#ask("embed", { ...rest, ...parts }, signal);
    return {
      values: floats(answer, "values") ?? new Float32Array(),
      tokens: answer.required("tokens", answer.count),
      truncated: answer.boolean("truncated") ?? false,
    };
  }

  /** That server has its template read when it loaded the model. */
  preserveTokens(): void {}

  async check(signal?: AbortSignal): Promise<void> {
    await this.#connection.ping("/ready", signal);
  }

  close(): void {
    this.#connection.close();
  }

  async #ask(what: string, body: object, signal?: AbortSignal): Promise<AnswerFields> {
    const answer = await this.#connection.ask(`/v1/engine/${what}`, { body: { model: this.#model, ...body }, signal });
    return new AnswerFields(answer, this.url);
  }

  #read(event: unknown, { logProbabilities, topLogProbabilities = 0 }: ServerRequest): ServerPiece {
    refuseError(event, this.#connection);
    const fields = new AnswerFields(event, this.url, "an event");
    const type = fields.text("type");
    if (type === "delta")
      return {
        type,
        text: fields.required("text", fields.text),
        ...scored(fields, logProbabilities, topLogProbabilities),
      };
    if (type === "prompt") return { type, ...scored(fields, true, topLogProbabilities) };
    if (type !== "end") throw invalidAnswer(this.url, "an event of an unknown type");
    const finish = fields.text("finishReason");
    if (finish !== "stop" && finish !== "length") throw invalidAnswer(this.url, "a run that was cancelled there");
    const endToken = fields.fields("endToken");
    const stopString = fields.text("stopString");
    const constraint = fields.fields("constraint");
    const usage = fields.required("usage", fields.fields);
    const timings = fields.required("timings", fields.fields);
    return {
      type,
      finishReason: finish,
      ...(stopString === undefined ? {} : { stopString }),
      ...(endToken === undefined ? {} : { endToken: scored(endToken, true, topLogProbabilities) }),
      ...(constraint === undefined
        ? {}
        : {
            constraint: {
              complete: constraint.required("complete", constraint.boolean),
              forcedTokens: constraint.required("forcedTokens", constraint.count),
              rejectedTokens: constraint.required("rejectedTokens", constraint.count),
              compileMs: constraint.required("compileMs", constraint.count),
            },
          }),
      usage: {
        promptTokens: usage.required("promptTokens", usage.count),
        cachedTokens: usage.required("cachedTokens", usage.count),
        generatedTokens: usage.required("generatedTokens", usage.count),
      },
      timings: timesOf(timings),
    };
  }
}

/** What the engine there has measured; the first token is measured here. */
function timesOf(timings: AnswerFields): Partial<Timings> {
  return {
    queueMs: timings.required("queueMs", timings.count),
    promptMs: timings.required("promptMs", timings.count),
    generationMs: timings.required("generationMs", timings.count),
    tokensPerSecond: timings.required("tokensPerSecond", timings.count),
  };
}

function scored(fields: AnswerFields, hasProbabilities: boolean, top: number): ScoredTokens {
  const tokens = fields.required("tokens", fields.tokens);
  if (!hasProbabilities) return { tokens };
  return {
    tokens,
    logProbabilities: floats(fields, "logProbabilities"),
    ...(top === 0
      ? {}
      : { topTokens: fields.tokens("topTokens"), topLogProbabilities: floats(fields, "topLogProbabilities") }),
  };
}

/** JSON has no NaN and no infinity. */
function floats(fields: AnswerFields, name: string): Float32Array | undefined {
  const list = fields.list(name);
  return list && Float32Array.from(list, (value) => (typeof value === "number" ? value : Number.NaN));
}

function written(request: ServerRequest): object {
  const { sampling, stopTokens, prompt } = request;
  return {
    prompt: writtenParts(prompt),
    sampling: {
      ...sampling,
      logitBias: sampling.logitBias.map(([token, bias]) => [token, bias === -Infinity ? null : bias]),
    },
    max_tokens: request.maxTokens,
    min_tokens: request.minTokens,
    stop: request.stop,
    stop_tokens: stopTokens,
    log_probabilities: request.logProbabilities,
    prompt_log_probabilities: request.promptLogProbabilities,
    top_log_probabilities: request.topLogProbabilities,
    cache_scope: request.cacheScope,
    queue_timeout_ms: request.queueTimeoutMs,
    constraint: request.constraint,
    thought: request.thought,
    deterministic: request.deterministic,
  };
}

const writtenParts = (parts: readonly PromptPart[]) =>
  parts.map((part) => ("tokens" in part ? { tokens: Array.from(part.tokens) } : part));

/** Numbers and texts as they are: most are only shown. */
function readInfo(answer: AnswerFields, { url }: ServerConnection): ModelInfo {
  const info = answer.required("info", answer.fields);
  const whole = (name: string) => info.required(name, info.count);
  const token = (name: string) => {
    const value = info.count(name);
    return value === undefined ? {} : { [name]: value };
  };
  const infill = info.fields("infillTokens");
  const metadata = info.value("metadata");
  const chatTemplate = info.text("chatTemplate");
  const name = info.text("name");
  const purpose = info.required("purpose", info.text);
  if (purpose !== "text" && purpose !== "embedding" && purpose !== "reranking")
    throw invalidAnswer(url, "a model of an unknown purpose");
  const longest = info.count("longestTokenBytes");
  return {
    path: `${url}/${info.required("path", info.text)}`,
    description: info.required("description", info.text),
    architecture: info.required("architecture", info.text),
    purpose,
    ...(name === undefined ? {} : { name }),
    parameters: whole("parameters"),
    sizeBytes: whole("sizeBytes"),
    trainingContextSize: whole("trainingContextSize"),
    layers: whole("layers"),
    embeddingSize: whole("embeddingSize"),
    heads: whole("heads"),
    headsKv: whole("headsKv"),
    vocabularySize: whole("vocabularySize"),
    vocabularyType: info.required("vocabularyType", info.text) as ModelInfo["vocabularyType"],
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    metadata: isObject(metadata)
      ? Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]))
      : {},
    ...token("bosToken"),
    ...token("eosToken"),
    endOfGenerationTokens: [...info.required("endOfGenerationTokens", info.tokens)],
    ...(infill === undefined
      ? {}
      : {
          infillTokens: {
            prefix: infill.required("prefix", infill.count),
            suffix: infill.required("suffix", infill.count),
            middle: infill.required("middle", infill.count),
            repository: infill.count("repository"),
            file: infill.count("file"),
          },
        }),
    contextSize: whole("contextSize"),
    ...(longest === undefined ? {} : { longestTokenBytes: longest }),
    cacheTokens: whole("cacheTokens"),
    kvType: info.text("kvType") === "q8_0" ? "q8_0" : "f16",
    threads: whole("threads"),
    matrixKernels: info.required("matrixKernels", info.text),
    gpuLayers: whole("gpuLayers"),
    devices: [],
  };
}
