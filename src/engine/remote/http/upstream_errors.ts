// What can go wrong with a server, as errors of this library. No message has a key in it.
import { CaduceusError, type ErrorCode, type ErrorDetails } from "../../../errors.js";
import { isObject } from "../../../json_object.js";

/** Something that may pass: the same request can succeed later, as long as nothing of its answer has come. */
export class PassingError extends CaduceusError {
  /** How long the server asks to wait, in milliseconds. */
  readonly waitMs: number | undefined;

  constructor(code: ErrorCode, problem: string, details?: ErrorDetails & { readonly waitMs?: number | undefined }) {
    super(code, problem, details);
    this.waitMs = details?.waitMs;
  }
}

export const unreachable = (url: string, why: string, cause?: unknown): PassingError =>
  new PassingError("UPSTREAM_UNREACHABLE", `The server ${url} cannot be reached: ${why}.`, {
    cause,
    remedy: "Check the address, and that the server is running.",
  });

export const lost = (url: string, why: string, cause?: unknown): PassingError =>
  new PassingError("UPSTREAM_FAILED", `The server ${url} broke off: ${why}.`, { cause });

export const timedOut = (url: string, what: string, milliseconds: number): CaduceusError =>
  new CaduceusError("UPSTREAM_TIMEOUT", `The server ${url} ${what} for ${milliseconds} ms.`);

/** An answer that is not what the server's API promises. */
export const invalidAnswer = (url: string, what: string, cause?: unknown): CaduceusError =>
  new CaduceusError("UPSTREAM_INVALID", `The server ${url} answered with ${what}.`, { cause });

export const unsupported = (url: string, what: string, remedy?: string): CaduceusError =>
  new CaduceusError("UNSUPPORTED", `${what} The model is on the server ${url}.`, { remedy });

/** The codes of a Caduceus server, and those that others have in common with it. */
const byName: Readonly<Record<string, ErrorCode>> = {
  invalid_value: "INVALID_ARGUMENT",
  invalid_type: "INVALID_ARGUMENT",
  unsupported_parameter: "INVALID_ARGUMENT",
  context_length_exceeded: "CONTEXT_FULL",
  exceed_context_size_error: "CONTEXT_FULL",
  unsupported_schema: "CONSTRAINT_INVALID",
  unsupported_model: "UNSUPPORTED",
  not_supported_error: "UNSUPPORTED",
  rate_limit_exceeded: "QUEUE_FULL",
  queue_timeout: "QUEUE_TIMEOUT",
  reader_too_slow: "READER_TOO_SLOW",
  model_not_found: "MODEL_NOT_FOUND",
  invalid_api_key: "ACCESS_DENIED",
  out_of_memory: "OUT_OF_MEMORY",
};

const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: "ACCESS_DENIED",
  403: "ACCESS_DENIED",
  429: "QUEUE_FULL",
};

/** What servers say where the prompt is too long, which few have a code for. */
const tooLong = /maximum context length|exceeds? the (available )?context|longer than the maximum|max_model_len/i;
/** What they say of schemas and grammars. */
const ofConstraint = /grammar|json[_ ]schema|structured[_ ]outputs?|guided|regex/i;
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const longestMessage = 500;

export interface Refusal {
  readonly status: number;
  /** The body, if it was JSON. */
  readonly body: unknown;
  readonly waitMs?: number | undefined;
}

/** An answer with a status that is no success. */
export function refused(url: string, { status, body, waitMs }: Refusal, secrets: readonly string[]): CaduceusError {
  const error = isObject(body) ? (body["error"] ?? body) : undefined;
  const said = isObject(error) ? error : {};
  const raw = typeof error === "string" ? error : (said["message"] ?? said["detail"]);
  const message = withoutSecrets(typeof raw === "string" ? raw : "", secrets)
    .slice(0, longestMessage)
    .trim();
  const names = [said["code"], said["type"]].filter((name) => typeof name === "string");
  const code =
    names.map((name) => byName[name]).find((known) => known !== undefined) ??
    byStatus[status] ??
    (status < 500 && tooLong.test(message) ? "CONTEXT_FULL" : undefined) ??
    (status < 500 && ofConstraint.test(message) ? "CONSTRAINT_INVALID" : undefined) ??
    "UPSTREAM_FAILED";
  const problem = `The server ${url} refused the request (status ${status})${message === "" ? "." : `: ${message}`}`;
  const sentence = /[.!?]$/.test(problem) ? problem : `${problem}.`;
  const isPassing = passing.has(status) && (code === "UPSTREAM_FAILED" || code === "QUEUE_FULL");
  const remedy = code === "ACCESS_DENIED" ? "Give the server's key as apiKey." : undefined;
  return isPassing ? new PassingError(code, sentence, { waitMs }) : new CaduceusError(code, sentence, { remedy });
}

/** Throws where an event of a stream is an error. */
export function refuseError(
  event: unknown,
  { url, secrets }: { readonly url: string; readonly secrets: readonly string[] },
): void {
  if (!isObject(event) || !isObject(event["error"])) return;
  const status = Number(event["error"]["code"] ?? Number.NaN);
  throw refused(url, { status: Number.isInteger(status) ? status : 500, body: event }, secrets);
}

/** Servers repeat keys that they do not like. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "…")), text);
}
