// The one error class of this library, its stable codes, and the one sentence for every bad argument.

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
  /** The file exists and is not a GGUF model that can be used: truncated, corrupt, another format. */
  | "MODEL_INVALID"
  /** A downloaded file is not the expected one, or could not be fetched. */
  | "DOWNLOAD_FAILED"
  /** The hub shows the model only to some: it is gated or private, and a token is missing, wrong or without the right. */
  | "ACCESS_DENIED"
  /** A download does not fit on the disk. */
  | "DISK_FULL"
  /** The model or its context needs more memory than there is. */
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
  /** A limit (of tokens or rounds) ended the reply before the answer by its schema was complete. The error's `result` has what was written. */
  | "INCOMPLETE"
  /** A schema, pattern or grammar cannot be enforced: it is malformed, contradicts itself or uses what the engine does not know. */
  | "CONSTRAINT_INVALID"
  /** Reading a schema, or enforcing it, would take too much time or memory. */
  | "CONSTRAINT_TOO_COMPLEX"
  /** The model's chat template could not be rendered. */
  | "TEMPLATE_FAILED"
  /** The compiled addon is missing or does not load on this machine. */
  | "ADDON_NOT_FOUND"
  /** llama.cpp reported a failure that is not the caller's fault. */
  | "ENGINE_FAILED";

/** Every error this library throws. A cancelled run rejects with its signal's own reason instead. */
export class CaduceusError extends Error {
  override readonly name = "CaduceusError";
  /** What went wrong; docs/errors.md says what each means and what helps. */
  readonly code: ErrorCode;

  /** @internal */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** `Expected a whole number of at least 1 for maxTokens but received -5.` */
export function invalidArgument(expected: string, name: string, received: unknown): CaduceusError {
  return new CaduceusError("INVALID_ARGUMENT", `Expected ${expected} for ${name} but received ${describe(received)}.`);
}

/** A value as it may stand in a message: short, on one line, with its type where the value alone would not tell. Never throws. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  return attempt(() => {
    if (Array.isArray(value)) return `an array of ${value.length} entries`;
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    return typeof name === "string" && name !== "Object" ? `an object of class ${name}` : "an object";
  }) ?? "an object that cannot be read";
}

/**
 * What somebody else's code threw, in words: anything can be thrown, an error's message need not be text, and reading it may
 * throw as well. Never throws.
 */
export function describeThrown(value: unknown): string {
  return messageOf(value) ?? (typeof value === "string" ? value : describe(value));
}

/** An error's own words, or its name where it has none; undefined for what is no error, or cannot be read. Never throws. */
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
