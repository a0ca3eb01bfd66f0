// Any server with OpenAI's completions: prompts are text, nothing is constrained there, and no tokens are told.
import type { Embedding, EmbeddingRequest, EngineCapabilities, ModelInfo, PromptPart } from "../../engine.js";
import type { ServerConnection } from "../http/server_connection.js";
import { unsupported } from "../http/upstream_errors.js";
import { isMarkup } from "../prompt/token_source.js";
import { remoteInfo, unknownContext, unknownVocabulary } from "../remote_info.js";
import type { RemoteServer, ServerPiece, ServerRequest } from "../remote_server.js";
import type { ListedModel, OpenServerOptions } from "../open_server_options.js";
import { completionPieces } from "./completion_pieces.js";
import { askEmbedding } from "./embed_tokens.js";
import { limitedThought } from "./limited_thought.js";
import { serverStops, untilStop } from "./stops.js";

/** Stop strings that OpenAI takes. */
const mostStops = 4;
/** Where there is no other limit: OpenAI's own is 16 tokens. */
const otherwiseTokens = 2_048;
/** Turns of ChatML end with them, where the server does not know. */
const turnEnds = ["<|im_end|>", "<|im_start|>"];

export class OpenAiServer implements RemoteServer {
  readonly kind = "openai";
  readonly url: string;
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities = {
    constrained: false,
    prefixSharing: false,
    logProbabilities: false,
    deterministic: false,
    tokenizes: false,
  };
  readonly #connection: ServerConnection;
  readonly #model: string;

  constructor(connection: ServerConnection, model: ListedModel, options: OpenServerOptions) {
    this.#connection = connection;
    this.#model = model.id;
    this.url = connection.url;
    const contextSize = options.contextSize ?? unknownContext;
    this.info = remoteInfo(this.url, model.id, {
      vocabularySize: unknownVocabulary,
      contextSize,
      cacheTokens: contextSize,
    });
  }

  async prepare(parts: readonly PromptPart[]): Promise<readonly PromptPart[]> {
    return parts;
  }

  async *run(request: ServerRequest, signal: AbortSignal): AsyncGenerator<ServerPiece, void, undefined> {
    const isChatMl = request.prompt.some((part) => "control" in part && part.control.includes(turnEnds[1]!));
    const own = isChatMl ? turnEnds : [];
    const stop = serverStops(request, mostStops - own.length);
    // Its tokens are not known, so that there is one limit: none of them.
    const pieces = limitedThought(request, {
      answer: (asked) => this.#answer(asked, [...stop, ...own], signal),
      prepare: async (parts) => parts,
    });
    yield* untilStop(pieces, request, stop);
  }

  async *#answer(request: ServerRequest, stop: readonly string[], signal: AbortSignal) {
    const events = await this.#connection.stream("/v1/completions", this.#body(request, stop), signal);
    try {
      yield* completionPieces(events, request, this.#connection);
    } finally {
      events.close();
    }
  }

  async tokenize(): Promise<never> {
    throw this.#withoutTokens();
  }

  async detokenize(): Promise<never> {
    throw this.#withoutTokens();
  }

  async tokenBytes(): Promise<never> {
    throw this.#withoutTokens();
  }

  async embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding> {
    const asked = { model: this.#model, input: textOf(request.text) };
    const { values, tokens = 0 } = await askEmbedding(this.#connection, asked, request, signal);
    return { values, tokens, truncated: false };
  }

  preserveTokens(): void {}

  async check(signal?: AbortSignal): Promise<void> {
    await this.#connection.ping("/v1/models", signal);
  }

  close(): void {
    this.#connection.close();
  }

  #body(request: ServerRequest, stop: readonly string[]): object {
    const { sampling, maxTokens } = request;
    if (request.promptLogProbabilities === true) throw unsupported("promptLogProbabilities cannot be used.");
    if ((request.minTokens ?? 0) > 0) throw unsupported("minTokens cannot be used.");
    if (sampling.logitBias.length > 0) throw unsupported("logitBias cannot be used: the server tells no tokens.");
    const { contextSize } = this.info;
    return {
      model: this.#model,
      prompt: textOf(request.prompt),
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: Math.max(
        1,
        maxTokens ?? (contextSize === unknownContext ? otherwiseTokens : Math.ceil(contextSize / 2)),
      ),
      ...(stop.length === 0 ? {} : { stop }),
      temperature: sampling.temperature,
      top_p: sampling.topP,
      frequency_penalty: sampling.frequencyPenalty,
      presence_penalty: sampling.presencePenalty,
      ...(sampling.seed === undefined ? {} : { seed: sampling.seed }),
    };
  }

  #withoutTokens() {
    return unsupported("Tokens are not known: the server has OpenAI's API alone.");
  }
}

/**
 * The server reads markup wherever it stands, and there is no other way to send a text. So an invisible character
 * (U+2060) breaks the texts of control tokens that were typed.
 */
function textOf(parts: readonly PromptPart[]): string {
  const own = new Set(parts.flatMap((part) => ("control" in part ? (part.control.match(likeMarkup) ?? []) : [])));
  return parts
    .map((part) => {
      if ("control" in part) return part.control;
      if ("tokens" in part) return "";
      return part.text.replace(likeMarkup, (found) =>
        own.has(found) || (isMarkup(found) && !plainTag.test(found)) ? `${found[0]}\u2060${found.slice(1)}` : found,
      );
    })
    .join("");
}

const likeMarkup = /<[^\s<>]+>|<｜[^<>]+｜>|\[\/?[A-Z_ ]+\]/gu;
/** HTML's, and those in which calls stand. */
const plainTag = /^<\/?(?!s>)[a-z][^|]*>$/;
