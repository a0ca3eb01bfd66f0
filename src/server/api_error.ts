// Errors in OpenAI's form: a status, and a body with message, type, param and a stable code.
import { invalidValue } from "../errors.js";
import { CaduceusError, statusOf, type ErrorCode } from "../index.js";
import type { RequestFields } from "./request_fields.js";

/** Stable error codes. docs/server.md describes them. */
export type ApiErrorCode =
  | "invalid_json"
  | "invalid_type"
  | "invalid_value"
  | "missing_required_parameter"
  | "unsupported_parameter"
  | "unknown_parameter"
  | "invalid_messages"
  | "invalid_schema"
  | "invalid_tool"
  | "unsupported_schema"
  | "context_length_exceeded"
  | "template_failed"
  | "unsupported_tools"
  | "unsupported_model"
  | "invalid_api_key"
  | "host_not_allowed"
  | "not_found"
  | "model_not_found"
  | "previous_response_not_found"
  | "method_not_allowed"
  | "unsupported_media_type"
  | "request_too_large"
  | "request_timeout"
  | "rate_limit_exceeded"
  | "queue_timeout"
  | "reply_timeout"
  | "reader_too_slow"
  | "client_closed_request"
  | "model_loading"
  | "model_unavailable"
  | "out_of_memory"
  | "shutting_down"
  | "server_error";

export interface ApiErrorDetails {
  /** The field of the request that it is about. */
  readonly param?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  readonly status: number;
  readonly code: ApiErrorCode;
  readonly param: string | null;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: ApiErrorCode,
    message: string,
    { param, headers = {}, cause }: ApiErrorDetails = {},
  ) {
    super(message, { cause });
    this.status = status;
    this.code = code;
    this.param = param ?? null;
    this.headers = { ...headers };
  }

  get body() {
    return { error: { message: this.message, type: typeOf(this.status), param: this.param, code: this.code } };
  }
}

function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

/** For how long a client should wait that comes at a bad moment. */
export const retryAfter = { "retry-after": "1" } as const;

const codes: Partial<Record<ErrorCode, ApiErrorCode>> = {
  INVALID_ARGUMENT: "invalid_value",
  INVALID_MESSAGES: "invalid_messages",
  INVALID_SCHEMA: "invalid_schema",
  INVALID_TOOL: "invalid_tool",
  CONSTRAINT_INVALID: "unsupported_schema",
  CONSTRAINT_TOO_COMPLEX: "unsupported_schema",
  CONTEXT_FULL: "context_length_exceeded",
  TEMPLATE_FAILED: "template_failed",
  TOOLS_UNSUPPORTED: "unsupported_tools",
  UNSUPPORTED: "unsupported_model",
  QUEUE_FULL: "rate_limit_exceeded",
  QUEUE_TIMEOUT: "queue_timeout",
  READER_TOO_SLOW: "reader_too_slow",
  MODEL_CLOSED: "model_unavailable",
  ENGINE_CRASHED: "model_unavailable",
  OUT_OF_MEMORY: "out_of_memory",
};

/** Of these the field is known even where the error is about no option: the engine compiles what it is given as one. */
const ofConstraints: ReadonlySet<ErrorCode> = new Set(["CONSTRAINT_INVALID", "CONSTRAINT_TOO_COMPLEX"]);
const ofMessages: ReadonlySet<ErrorCode> = new Set(["INVALID_MESSAGES"]);

/**
 * Converts any thrown value to an `ApiError`, with the field of the request. Unexpected errors are reported to the
 * client without details.
 */
export function toApiError(thrown: unknown, fields?: RequestFields): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const known = thrown instanceof CaduceusError ? thrown : undefined;
  // Which server that is, and what it said, is only for whoever runs this one.
  if (known !== undefined && isOfUpstream(known))
    return new ApiError(statusOf(known), "model_unavailable", "The server of this model failed to answer.", {
      headers: retryAfter,
      cause: known,
    });
  const status = statusOf(known);
  const code = known && codes[known.code];
  if (known === undefined || code === undefined || status === 500)
    return new ApiError(500, "server_error", "The server failed to answer this request.", { cause: thrown });
  const fallback = ofConstraints.has(known.code)
    ? (fields?.of("schema") ?? fields?.of("tools"))
    : ofMessages.has(known.code)
      ? "messages"
      : undefined;
  const param = known.param === undefined ? fallback : (fields?.of(known.param) ?? fallback);
  return new ApiError(status, code, sentence(known, param), {
    param,
    headers: status === 429 || status === 503 ? retryAfter : {},
    cause: thrown,
  });
}

/** What went wrong between this server and the one that has the model. */
export const isOfUpstream = (error: unknown): boolean =>
  error instanceof CaduceusError && (error.code.startsWith("UPSTREAM_") || error.code === "ACCESS_DENIED");

/** The message with the client's field names, without the remedy, which names options of the library. */
function sentence({ problem, mismatch }: CaduceusError, param: string | undefined): string {
  if (mismatch === undefined || param === undefined) return problem;
  return invalidValue({ ...mismatch, place: `${param}${mismatch.within ?? ""}` });
}

/**
 * A prompt that is too long for the context, said in the words by which OpenAI's clients know that they have to shorten
 * it.
 */
export function inContext(error: unknown, contextSize: number): unknown {
  if (!(error instanceof CaduceusError) || error.code !== "CONTEXT_FULL") return error;
  return new ApiError(400, "context_length_exceeded", tooLong(contextSize, error.problem), { cause: error });
}

/** `why`: a whole sentence. */
export function tooLong(contextSize: number, why: string): string {
  return `This model's maximum context length is ${contextSize} tokens. ${why}`;
}
