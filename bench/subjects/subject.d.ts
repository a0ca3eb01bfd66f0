// What every engine under test can do, so that one scenario runs on all of them.

export type SubjectName = "caduceus" | "node-llama-cpp" | "llama.node" | "llama-server";

export interface SubjectSettings {
  readonly model: string;
  /** Tokens of one conversation. */
  readonly contextSize: number;
  /** Conversations at once. */
  readonly sequences: number;
  /** Tokens of all of them; `contextSize` times `sequences` unless given. */
  readonly cacheTokens?: number;
  readonly threads: number;
  /** It is asked for embeddings, and for nothing else. */
  readonly embeds?: boolean;
  /** Options of `load` that only caduceus has. */
  readonly own?: Readonly<Record<string, unknown>>;
}

export interface Generation {
  readonly prompt: string;
  /** Generated, whatever the model would rather do; greedy. */
  readonly tokens: number;
  /** Which of the conversations; requests of one conversation may share their beginnings where only it can. */
  readonly slot: number;
  readonly signal?: AbortSignal;
  /** Options of a reply that only caduceus has. */
  readonly own?: Readonly<Record<string, unknown>>;
  readonly onText: () => void;
  /** Nothing but this can be written, in llama.cpp's form; of llama-server only. */
  readonly grammar?: string;
}

export interface Subject {
  /** Resolves when the generation is over, cut short by the signal or not, with its tokens. */
  generate(generation: Generation): Promise<number>;
  /** How many embeddings it gave. */
  embed?(texts: readonly string[]): Promise<number>;
  /** Resolves when nothing is computed any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
  /** The process that computes, where it is another one. */
  readonly pid?: number;
}
