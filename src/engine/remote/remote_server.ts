// What is known of one server, whatever its API is: its model, and what it can be asked for.
import type {
  Embedding,
  EmbeddingRequest,
  EngineCapabilities,
  ModelInfo,
  PromptPart,
  RunDelta,
  RunEnd,
  RunPrompt,
  RunRequest,
  ServerStats,
  Timings,
  Usage,
} from "../engine.js";

/** What `connect` speaks to: another Caduceus, llama.cpp's server, vLLM, or any other with OpenAI's completions. */
export type ServerKind = "caduceus" | "llama-server" | "vllm" | "openai";
export const serverKinds = ["caduceus", "llama-server", "vllm", "openai"] as const satisfies readonly ServerKind[];

/** A request that says all by itself: no earlier run stands before its prompt. */
export type ServerRequest = Omit<RunRequest, "after" | "adapters" | "keepPrefix" | "priority">;

/** What the server says of an ended run; the rest is measured here. */
export interface ServerEnd extends Pick<RunEnd, "stopString" | "endToken" | "constraint"> {
  readonly type: "end";
  readonly finishReason: "stop" | "length";
  readonly usage?: Partial<Usage> | undefined;
  readonly timings?: Partial<Timings> | undefined;
}

export type ServerPiece = RunPrompt | RunDelta | ServerEnd;

/** One server, with the model that is used there. */
export interface RemoteServer {
  /** For messages: without a key. */
  readonly url: string;
  readonly kind: ServerKind;
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
  /**
   * A prompt as the server takes it, which later requests may begin with: token ids where it takes these. `continues`:
   * it stands behind something that was prepared before.
   */
  prepare(parts: readonly PromptPart[], continues: boolean, signal: AbortSignal): Promise<readonly PromptPart[]>;
  /**
   * Runs a request whose prompt is prepared. Connects when its first piece is asked for, and disconnects when it is
   * left or the signal aborts. Throws a `TransientUpstreamError` where the request may be sent again as
   * long as nothing has come.
   */
  run(request: ServerRequest, signal: AbortSignal): AsyncGenerator<ServerPiece, void, undefined>;
  tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array>;
  detokenize(tokens: Int32Array, special: boolean): Promise<string>;
  tokenBytes(tokens: Int32Array): Promise<Uint8Array[]>;
  embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding>;
  /** Control tokens whose text stands in one of these are part of what the model says. */
  preserveTokens(texts: readonly string[]): void;
  /** Whether it answers at the moment. Rejects with what is wrong. */
  check(signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** What is known of a request when a server is chosen for it. */
export interface Choice {
  /** Undefined: a question that generates nothing. */
  readonly request: ServerRequest | undefined;
  /** Those that have failed it. */
  readonly failed: ReadonlySet<RemoteServer>;
}

/** A server in use by one request. */
export interface Lease {
  readonly server: RemoteServer;
  /** Aborts where the server is found to be gone before the answer has begun. Undefined: nobody looks. */
  readonly lost?: AbortSignal | undefined;
  /** So many more tokens of its answer have come. */
  progress(tokens: number): void;
  /** Says how it went, once. Returns whether another server can take what failed at once. */
  end(how: "answered" | "left" | "failed", failure?: unknown): boolean;
}

/** One server or several with the same model: which one takes a request. */
export interface ServerChoice {
  /** What holds for all of them. */
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
  /** Rejects where none can take it. */
  choose(choice: Choice, signal: AbortSignal | undefined): Promise<Lease>;
  preserveTokens(texts: readonly string[]): void;
  /** Of each, where there may be several. */
  stats?(): ServerStats[];
  close(): void;
}

/** One server, which takes all. */
export class OneServer implements ServerChoice {
  readonly #server: RemoteServer;

  constructor(server: RemoteServer) {
    this.#server = server;
  }

  get info(): ModelInfo {
    return this.#server.info;
  }

  get capabilities(): EngineCapabilities {
    return this.#server.capabilities;
  }

  async choose(): Promise<Lease> {
    return { server: this.#server, progress: () => {}, end: () => false };
  }

  preserveTokens(texts: readonly string[]): void {
    this.#server.preserveTokens(texts);
  }

  close(): void {
    this.#server.close();
  }
}
