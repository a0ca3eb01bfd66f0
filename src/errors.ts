// The error class of this library, its stable codes, and the one sentence for every value that is refused.

/** Stable identifiers of everything that can go wrong. Messages may change between versions, codes do not. */
export type ErrorCode =
  /** An option or argument has the wrong type or lies outside its range. */
  | "INVALID_ARGUMENT"
  /** The conversation is malformed: empty, unknown role, wrong shape. */
  | "INVALID_MESSAGES"
  /** A JSON Schema cannot be used; the message names the path inside it. */
  | "INVALID_SCHEMA"
  /** Two tools share a name, or a tool's definition is wrong. */
  | "INVALID_TOOL"
  /** No file or alias of that name. */
  | "MODEL_NOT_FOUND"
  /** The file exists and is not a GGUF model or adapter that can be used: truncated, corrupt, another format or model. */
  | "MODEL_INVALID"
  /** A downloaded file is not the expected one, or could not be fetched. */
  | "DOWNLOAD_FAILED"
  /**
   * The hub shows the model only to some: it is gated or private, and a token is missing, wrong or without the right.
   */
  | "ACCESS_DENIED"
  /**
   * This model cannot do that: one for embeddings generates no text and has no adapters, only a reranker ranks, not
   * every one fills in the middle, one that is quantized is not quantized again, and small types need an importance
   * matrix of the model.
   */
  | "UNSUPPORTED"
  /** A download or a quantized model does not fit on the disk. */
  | "DISK_FULL"
  /** A model, its cache or a computation needs more memory than this machine or a GPU has. */
  | "OUT_OF_MEMORY"
  /** The prompt is longer than the context. */
  | "CONTEXT_FULL"
  /** The waiting queue is full. */
  | "QUEUE_FULL"
  /** A request waited longer than its `queueTimeoutMs`. */
  | "QUEUE_TIMEOUT"
  /** The model (or this conversation) was closed before or while it was used. */
  | "MODEL_CLOSED"
  /** A reply can be read once: one of its three streams, or awaited. */
  | "ALREADY_CONSUMED"
  /** The reader lagged so long that the run was dropped. */
  | "READER_TOO_SLOW"
  /** The final answer is complete and does not satisfy the schema it was asked for. The error's `result` has it. */
  | "SCHEMA_MISMATCH"
  /**
   * A limit (of tokens or rounds) ended the reply before the answer by its schema was complete. The error's `result`
   * has what was written.
   */
  | "INCOMPLETE"
  /**
   * A schema, pattern or grammar cannot be enforced: it is malformed, contradicts itself or uses what the engine does
   * not know.
   */
  | "CONSTRAINT_INVALID"
  /** Reading a schema, or enforcing it, would take too much time or memory. */
  | "CONSTRAINT_TOO_COMPLEX"
  /** The model's chat template could not be rendered. */
  | "TEMPLATE_FAILED"
  /** Calls of this model cannot be read: its template writes them in an unknown format. */
  | "TOOLS_UNSUPPORTED"
  /** An optional package that this needs is not installed; the message has the npm command. */
  | "PACKAGE_MISSING"
  /** The compiled addon is missing or does not load on this machine. */
  | "ADDON_NOT_FOUND"
  /** llama.cpp reported a failure that is not the caller's fault. */
  | "ENGINE_FAILED"
  /** The process of an isolated model ended while it was used. It is started again, if the model had been loaded. */
  | "ENGINE_CRASHED"
  /** A server that `connect` was given cannot be reached: no such host, refused, no connection in time. */
  | "UPSTREAM_UNREACHABLE"
  /** It broke off, failed, or refused with a status that has no other code. */
  | "UPSTREAM_FAILED"
  /** It did not begin an answer, or did not go on with it, in the time that it has. */
  | "UPSTREAM_TIMEOUT"
  /** It answered with what its API does not promise: no JSON, too much, a redirect, a call that is none. */
  | "UPSTREAM_INVALID"
  /** The operating system refused an operation: a port in use, a file without permission. `cause` is its error. */
  | "SYSTEM_ERROR";

/** What an error carries besides its code and what was wrong. */
export interface ErrorDetails extends ErrorOptions {
  readonly param?: string | undefined;
  readonly remedy?: string | undefined;
  readonly mismatch?: Mismatch | undefined;
}

/**
 * The parts of `Invalid value for …: …. Expected ….`, for callers that name the place otherwise: the server and the
 * command line.
 */
export interface Mismatch {
  readonly expected: string;
  /** How the message names the place. */
  readonly place: string;
  readonly received: string;
  /** Where in the value of `param` it is, such as `.properties.city`: what `place` says beyond it. */
  readonly within?: string;
}

/** Every error this library throws. A cancelled run rejects with its signal's own reason instead. */
export class CaduceusError extends Error {
  override readonly name = "CaduceusError";
  /** What went wrong; docs/errors.md says what each means and what helps. */
  readonly code: ErrorCode;
  /**
   * The path of the option or argument that the error is about, as the caller wrote it: `maxTokens`,
   * `tools[0].parameters`, `messages[2].content`. Missing where it is about none.
   */
  declare readonly param?: string;
  /** What to do, as a sentence; `message` ends with it. Missing where nothing can be said. */
  declare readonly remedy?: string;
  readonly #problem: string;
  readonly #mismatch: Mismatch | undefined;

  /** @internal `problem`: what was wrong, in whole sentences without the remedy. */
  constructor(code: ErrorCode, problem: string, { param, remedy, mismatch, ...options }: ErrorDetails = {}) {
    super(remedy === undefined ? problem : `${problem} ${remedy}`, options);
    this.code = code;
    if (param !== undefined) this.param = param;
    if (remedy !== undefined) this.remedy = remedy;
    this.#problem = problem;
    this.#mismatch = mismatch;
  }

  /** @internal The message without the remedy. */
  get problem(): string {
    return this.#problem;
  }

  /** @internal The parts of the message, where it is about a value: `Invalid value for …: …. Expected ….` */
  get mismatch(): Mismatch | undefined {
    return this.#mismatch;
  }
}

/** `Invalid value for maxTokens: -5. Expected a whole number of at least 1.` */
export function invalidArgument(
  expected: string,
  name: string,
  received: unknown,
  details?: ErrorDetails,
): CaduceusError {
  return mismatch("INVALID_ARGUMENT", { expected, place: name, received: describe(received) }, details);
}

/** The sentence for a value that is refused. Every message of this kind is made here. */
export function invalidValue({ expected, place, received }: Pick<Mismatch, "expected" | "place" | "received">): string {
  return `Invalid value for ${place}: ${received}. Expected ${expected}.`;
}

/**
 * The same of any code, where what was received is said in words. `param` is the place unless something else is said.
 */
export function mismatch(code: ErrorCode, parts: Mismatch, details: ErrorDetails = {}): CaduceusError {
  return new CaduceusError(code, invalidValue(parts), {
    param: parts.place,
    ...details,
    mismatch: parts,
  });
}

const moreContext = "Load the model with a larger contextSize to keep all of it.";

/** Found before the prompt's tokens are counted. */
export function contextFull(least: number, contextSize: number): CaduceusError {
  return new CaduceusError(
    "CONTEXT_FULL",
    `The prompt has at least ${least} tokens, but the context holds ${contextSize} and needs room for one more; shorten it by ${least - contextSize + 1}.`,
    { remedy: moreContext },
  );
}

/** What the engine has said, with what only the caller's side knows: the remedy in the names of its options. */
export function engineError(said: CaduceusError): CaduceusError {
  return said.code === "CONTEXT_FULL" ? new CaduceusError(said.code, said.message, { remedy: moreContext }) : said;
}

/**
 * An error of the operating system (`EADDRINUSE`, `EACCES`) as one of this library; all others are returned unchanged.
 * `failed` says what could not be done.
 */
export function systemError(error: unknown, failed: string, details: ErrorDetails = {}): unknown {
  const { code, syscall, message } = (error ?? {}) as NodeJS.ErrnoException;
  if (error instanceof CaduceusError || typeof code !== "string" || typeof syscall !== "string") return error;
  return new CaduceusError("SYSTEM_ERROR", `${failed}: ${message}.`, { ...details, cause: error });
}

/** Runs what uses files, and throws the operating system's errors as errors of this library. */
export async function withSystemErrors<T>(failed: string, work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw systemError(error, failed, { remedy: "Check the file or folder and its permissions." });
  });
}

/** The same error, about another option: who read the value knew only its name. */
export function withParam(error: unknown, param: string, within?: string): unknown {
  if (!(error instanceof CaduceusError)) return error;
  const { code, problem, remedy, cause, mismatch } = error;
  const moved = new CaduceusError(code, problem, {
    param,
    remedy,
    ...(cause === undefined ? {} : { cause }),
    mismatch: mismatch && { ...mismatch, ...(within === undefined ? {} : { within }) },
  });
  if (error.stack !== undefined) moved.stack = error.stack;
  return moved;
}

/**
 * Runs what reads a caller's value. Getters and proxies may throw anything, a revoked proxy at the first look: that is
 * an argument that cannot be read. Only what touches the value belongs in it, or our own faults would be called the
 * caller's.
 */
export function reading<T>(place: string, work: () => T, code: ErrorCode = "INVALID_ARGUMENT"): T {
  try {
    return work();
  } catch (error) {
    throw unreadable(error, place, code);
  }
}

/** What was thrown while a caller's value was read, as an error of ours. */
export function unreadable(error: unknown, place: string, code: ErrorCode): CaduceusError {
  if (error instanceof CaduceusError) return error;
  return mismatch(
    code,
    { expected: "a value that can be read", place, received: `reading it failed with ${describeThrown(error)}` },
    { cause: error },
  );
}

/**
 * A value as it may stand in a message: short, on one line, with its type where the value alone would not tell. Never
 * throws.
 */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string")
    return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  return (
    attempt(() => {
      if (Array.isArray(value)) return `an array of ${value.length} entries`;
      const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
      return typeof name === "string" && name !== "Object" ? `an object of class ${name}` : "an object";
    }) ?? "an object that cannot be read"
  );
}

/**
 * What somebody else's code threw, in words: anything can be thrown, an error's message need not be text, and reading
 * it may throw as well. Never throws.
 */
export function describeThrown(value: unknown): string {
  return messageOf(value) ?? (typeof value === "string" ? value : describe(value));
}

/**
 * An error's own words, or its name where it has none; undefined for what is no error, or cannot be read. Never throws.
 */
export function messageOf(value: unknown): string | undefined {
  return attempt(() => {
    if (!(value instanceof Error)) return undefined;
    const { message } = value;
    if (typeof message === "string" && message !== "") return message;
    const { name } = value;
    return typeof name === "string" && name !== "" ? name : "Error";
  });
}

/** Undefined where it throws, as reading a stranger's object can. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
