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
  Timings,
  Usage,
} from "../engine.js";

export const serverKinds = ["caduceus", "llama-server", "vllm", "openai"] as const;
export type ServerKind = (typeof serverKinds)[number];

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
   * left or the signal aborts. Throws a `PassingError` where the request may be sent again as long as nothing has come.
   */
  run(request: ServerRequest, signal: AbortSignal): AsyncGenerator<ServerPiece, void, undefined>;
  tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array>;
  detokenize(tokens: Int32Array, special: boolean): Promise<string>;
  tokenBytes(tokens: Int32Array): Promise<Uint8Array[]>;
  embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding>;
  /** Control tokens whose text stands in one of these are part of what the model says. */
  speak(texts: readonly string[]): void;
  /** Whether it answers at the moment. Rejects with what is wrong. */
  check(signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** What is known of a request when a server is chosen for it. */
export interface Choice {
  readonly request: ServerRequest;
  /** Those that have failed it. */
  readonly failed: ReadonlySet<RemoteServer>;
}

/** A server in use by one request. */
export interface Lease {
  readonly server: RemoteServer;
  /** Says how it went, once: what the request failed with there, or undefined. */
  end(failure?: unknown): void;
}

/** One server or several with the same model: which one takes a request. */
export interface ServerChoice {
  /** The one that tells of the model, and tokenizes. */
  readonly main: RemoteServer;
  /** Rejects where none can take it. */
  choose(choice: Choice, signal: AbortSignal): Promise<Lease>;
  speak(texts: readonly string[]): void;
  close(): void;
}

/** One server, which takes all. */
export class OneServer implements ServerChoice {
  readonly main: RemoteServer;

  constructor(server: RemoteServer) {
    this.main = server;
  }

  async choose(): Promise<Lease> {
    return { server: this.main, end: () => {} };
  }

  speak(texts: readonly string[]): void {
    this.main.speak(texts);
  }

  close(): void {
    this.main.close();
  }
}
