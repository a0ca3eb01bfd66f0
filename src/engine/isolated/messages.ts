// What the two processes tell each other, as structured clones.
import { CaduceusError, type ErrorCode, type Mismatch } from "../../errors.js";
import type { LogEntry, LogLevel } from "../addon/log.js";
import type { EngineStats, RunDelta, RunEnd, RunPrompt, RunRequest } from "../engine.js";

/** Each is answered once, under its id. `engine` is the one that a `load` of that id made. */
export type Call =
  | { readonly type: "call"; readonly id: number; readonly method: "load"; readonly args: readonly [options: object] }
  | { readonly type: "call"; readonly id: number; readonly method: "listGpus"; readonly args: readonly [] }
  | {
      readonly type: "call";
      readonly id: number;
      readonly engine: number;
      readonly method:
        | "tokenize"
        | "detokenize"
        | "tokenBytes"
        | "embed"
        | "renderTemplate"
        | "addAdapter"
        | "removeAdapter"
        | "close";
      readonly args: readonly unknown[];
    };

export type ToHost =
  | Call
  | { readonly type: "abort"; readonly id: number }
  | { readonly type: "submit"; readonly engine: number; readonly run: number; readonly request: RunRequest }
  | { readonly type: "cancel"; readonly run: number }
  | { readonly type: "release"; readonly run: number }
  /** So many tokens were read since the last time. */
  | { readonly type: "read"; readonly run: number; readonly tokens: number }
  | { readonly type: "preserve-tokens"; readonly engine: number; readonly texts: readonly string[] }
  /** How much of the log is wanted. Undefined: nothing, as at the beginning. */
  | { readonly type: "log"; readonly level: LogLevel | undefined }
  /** So many lines of the log have been told. */
  | { readonly type: "told"; readonly lines: number };

export type RunPiece = RunPrompt | RunDelta | RunEnd;

export type FromHost =
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "failure"; readonly id: number; readonly error: PlainError }
  | { readonly type: "progress"; readonly id: number; readonly fraction: number }
  | { readonly type: "piece"; readonly run: number; readonly piece: RunPiece }
  | { readonly type: "failed"; readonly run: number; readonly error: PlainError }
  | { readonly type: "line"; readonly entry: LogEntry }
  | { readonly type: "stats"; readonly engine: number; readonly stats: EngineStats };

/** Tokens of one run that may be under way or wait for their reader; then the run keeps the rest, and pauses. */
export const tokensAhead = 128;

/** What counts as its tokens. */
export const tokensOf = (piece: RunPiece): number => (piece.type === "delta" ? Math.max(1, piece.tokens.length) : 1);

/** An error without its class. */
export interface PlainError {
  readonly code?: ErrorCode;
  readonly problem: string;
  readonly param?: string | undefined;
  readonly remedy?: string | undefined;
  readonly mismatch?: Mismatch | undefined;
}

export function toPlain(error: unknown): PlainError {
  if (error instanceof CaduceusError) {
    const { code, problem, param, remedy, mismatch } = error;
    return { code, problem, param, remedy, mismatch };
  }
  return { problem: error instanceof Error ? error.message : String(error) };
}

export function fromPlain({ code, problem, ...details }: PlainError): Error {
  return code === undefined ? new Error(problem) : new CaduceusError(code, problem, details);
}
