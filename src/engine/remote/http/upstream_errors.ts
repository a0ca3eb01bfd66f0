// What can go wrong with a server, as errors of this library. No message has a key in it.
import { CaduceusError, type ErrorCode, type ErrorDetails } from "../../../errors.js";
import { isObject } from "../../../json_object.js";

/** Something that may pass: the same request can succeed later, as long as nothing of its answer has come. */
export class TransientUpstreamError extends CaduceusError {
  /** How long the server asks to wait, in milliseconds. */
  readonly waitMs: number | undefined;
  /** The server is well, and has too much to do for this request at the moment. */
  readonly isBusy: boolean;
  /** It finishes what it has begun, and takes nothing new. */
  readonly isEnding: boolean;

  constructor(code: ErrorCode, problem: string, details: TransientDetails = {}) {
    super(code, problem, details);
    this.waitMs = details.waitMs;
    this.isBusy = details.isBusy ?? false;
    this.isEnding = details.isEnding ?? false;
  }
}

interface TransientDetails extends ErrorDetails {
  readonly waitMs?: number | undefined;
  readonly isBusy?: boolean | undefined;
  readonly isEnding?: boolean | undefined;
}

export const unreachable = (url: string, why: string, cause?: unknown): TransientUpstreamError =>
  new TransientUpstreamError("UPSTREAM_UNREACHABLE", `The server ${url} cannot be reached: ${why}.`, {
    cause,
    remedy: "Check the address, and that the server is running.",
  });

const ofCertificates =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH_)/;
const ofProtocols = /^(EPROTO|ERR_SSL_|HPE_)/;

/** What stands in the way of TLS, or of speaking HTTP at all, which is there the next time too. Undefined: nothing. */
export function unspeakable(url: string, code: string, cause: unknown): CaduceusError | undefined {
  const isCertificate = ofCertificates.test(code);
  if (!isCertificate && !ofProtocols.test(code)) return undefined;
  const what = isCertificate ? "its certificate is not trusted" : "it does not answer in this protocol";
  return new CaduceusError("UPSTREAM_UNREACHABLE", `The server ${url} cannot be reached: ${what} (${code}).`, {
    cause,
    remedy: isCertificate
      ? "Name the file of its certificate authority in NODE_EXTRA_CA_CERTS, and use a host that the certificate is for."
      : "Check whether its address begins with http:// or https://.",
  });
}

export const lost = (url: string, why: string, cause?: unknown): TransientUpstreamError =>
  new TransientUpstreamError("UPSTREAM_FAILED", `The server ${url} broke off: ${why}.`, { cause });

export const timedOut = (url: string, what: string, milliseconds: number): CaduceusError =>
  new CaduceusError("UPSTREAM_TIMEOUT", `The server ${url} ${what} for ${milliseconds} ms.`);

/** An answer that is not what the server's API promises. */
export const invalidAnswer = (url: string, what: string, cause?: unknown): CaduceusError =>
  new CaduceusError("UPSTREAM_INVALID", `The server ${url} answered with ${what}.`, { cause });

/** `what` is told to clients of our own server too, so that no address is in it. */
export const unsupported = (what: string, remedy?: string): CaduceusError =>
  new CaduceusError("UNSUPPORTED", what, { remedy });

/** A refusal of what was asked: the server is there, and does what others ask. */
export class RefusedError extends CaduceusError {}

/** The names that servers have for what is wrong. */
const byName: Readonly<Record<string, ErrorCode>> = {
  invalid_value: "INVALID_ARGUMENT",
  invalid_type: "INVALID_ARGUMENT",
  unsupported_parameter: "INVALID_ARGUMENT",
  context_length_exceeded: "CONTEXT_FULL",
  exceed_context_size_error: "CONTEXT_FULL",
  input_tokens: "CONTEXT_FULL",
  unsupported_schema: "CONSTRAINT_INVALID",
  structured_outputs: "CONSTRAINT_INVALID",
  unsupported_model: "UNSUPPORTED",
  not_supported_error: "UNSUPPORTED",
  NotImplementedError: "UNSUPPORTED",
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
  501: "UNSUPPORTED",
};

/** Statuses of a request that is wrong. */
const ofRequest: ReadonlySet<number> = new Set([400, 422]);
/** Statuses of what is not there. */
const ofAbsence: ReadonlySet<number> = new Set([404, 405]);
const transient: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What servers say where the prompt is too long, which few have a code for. */
const tooLong = /maximum context length|exceeds? the (available )?context|longer than the maximum|max_model_len/i;
/** llama-server's words for a text that it would embed in one batch, with status 500. */
const tooLongForBatch = /too large to process\. increase the physical batch/i;
/** What they say of schemas and grammars. */
const ofConstraint = /grammar|json[_ ]schema|structured[_ ]outputs?|guided|regex/i;
const ofModel = /\bmodel\b.*(does not exist|not found|not loaded|no such|unknown)|(no such|unknown) model/i;

/** Their names of our options, of which they say what is wrong with them. */
const optionOf: Readonly<Record<string, string>> = {
  temperature: "temperature",
  top_k: "topK",
  top_p: "topP",
  min_p: "minP",
  repetition_penalty: "repeatPenalty",
  repeat_penalty: "repeatPenalty",
  frequency_penalty: "frequencyPenalty",
  presence_penalty: "presencePenalty",
  seed: "seed",
  stop: "stop",
  max_tokens: "maxTokens",
  n_predict: "maxTokens",
  min_tokens: "minTokens",
  logprobs: "topLogProbabilities",
  n_probs: "topLogProbabilities",
  logit_bias: "logitBias",
};

const longestMessage = 500;

export interface Refusal {
  readonly status: number;
  /** What was asked for. */
  readonly path?: string | undefined;
  /** The body, if it was JSON. */
  readonly body: unknown;
  readonly waitMs?: number | undefined;
}

/** An answer with a status that is no success. */
export function refused(url: string, refusal: Refusal, secrets: readonly string[]): CaduceusError {
  const { status, body, waitMs } = refusal;
  const error = isObject(body) ? (body["error"] ?? body) : undefined;
  const said = isObject(error) ? error : {};
  const message = withoutSecrets(wordsOf(error), secrets).slice(0, longestMessage).trim();
  const names = [said["code"], said["type"], said["param"]].filter((name) => typeof name === "string");
  const code = codeOf(status, names, message);
  const isFault = status >= 500 || !(status >= 400);
  const answer = `The server ${url} ${isFault ? "failed" : "refused the request"} (status ${status})${sentence(message)}`;
  if (code === undefined || code === "ACCESS_DENIED") {
    if (transient.has(status) && code === undefined)
      return new TransientUpstreamError("UPSTREAM_FAILED", answer, {
        waitMs,
        isBusy: !isFault,
        isEnding: names.includes("shutting_down"),
      });
    if (code === undefined && isFault) return new CaduceusError("UPSTREAM_FAILED", answer);
    return new RefusedError(code ?? "UPSTREAM_FAILED", answer, {
      remedy: code === undefined ? "It would refuse it again." : "Give the server's key as apiKey.",
    });
  }
  // These are told to clients of our own server, to whom the address of this one is nothing.
  const details = { cause: new Error(answer), remedy: remedyOf(code, url, message) };
  const problem = problemOf(code, refusal, message, said);
  if (code === "QUEUE_FULL") return new TransientUpstreamError(code, problem, { ...details, waitMs, isBusy: true });
  const param = code === "INVALID_ARGUMENT" ? names.map((name) => optionOf[name]).find(Boolean) : undefined;
  return new RefusedError(code, problem, { ...details, param });
}

function codeOf(status: number, names: readonly string[], message: string): ErrorCode | undefined {
  const named = names.map((name) => byName[name]).find((known) => known !== undefined) ?? byStatus[status];
  if (named !== undefined) return named;
  if (tooLongForBatch.test(message)) return "CONTEXT_FULL";
  if (status >= 500) return undefined;
  if (tooLong.test(message)) return "CONTEXT_FULL";
  if (ofConstraint.test(message)) return "CONSTRAINT_INVALID";
  if ((ofRequest.has(status) || ofAbsence.has(status)) && ofModel.test(message)) return "MODEL_NOT_FOUND";
  if (ofAbsence.has(status)) return "UNSUPPORTED";
  return ofRequest.has(status) && message !== "" ? "INVALID_ARGUMENT" : undefined;
}

function remedyOf(code: ErrorCode, url: string, message: string): string | undefined {
  if (code === "MODEL_NOT_FOUND") return "Its models have changed: connect again, with one that it has.";
  if (code === "UNSUPPORTED") return `Check that ${url} is the server's address, and that engine says what it is.`;
  if (code !== "CONTEXT_FULL") return undefined;
  const flag = tooLongForBatch.test(message) ? "llama-server with a larger --ubatch-size" : "it with a larger context";
  return `Shorten the text, or start ${flag}.`;
}

function problemOf(
  code: ErrorCode,
  { status, path }: Refusal,
  message: string,
  said: Readonly<Record<string, unknown>>,
): string {
  switch (code) {
    case "CONTEXT_FULL":
      return tooLongProblem(message, said);
    case "CONSTRAINT_INVALID":
      return said["code"] === "unsupported_schema"
        ? message
        : `The server cannot enforce the constraint${sentence(message)}`;
    case "MODEL_NOT_FOUND":
      return `The server does not have the model${sentence(message)}`;
    case "UNSUPPORTED":
      return ofAbsence.has(status) && path !== undefined
        ? `The server has nothing at ${path}${sentence(message)}`
        : `The server cannot do that${sentence(message)}`;
    case "QUEUE_FULL":
      return "The server takes no more requests at the moment.";
    default:
      return `The server refused the request${sentence(message)}`;
  }
}

/** As the engine here says it, with the numbers that the server tells. */
function tooLongProblem(message: string, said: Readonly<Record<string, unknown>>): string {
  const number = (field: unknown, pattern: RegExp) =>
    typeof field === "number" ? field : Number(pattern.exec(message)?.slice(1).find(Boolean) ?? Number.NaN);
  const limit = number(said["n_ctx"], /(?:maximum context length is|context holds|batch size:) (\d+)/i);
  const tokens = number(
    said["n_prompt_tokens"],
    /(?:prompt contains|prompt has)(?: at least)? (\d+)|(?:request|input) \((\d+) tokens/i,
  );
  if (!(tokens >= limit)) return "The prompt is longer than the context of the server's model.";
  if (tooLongForBatch.test(message))
    return `The text has ${tokens} tokens, but the server computes at most ${limit} of one text at once.`;
  const least = /at least \d/.test(message) ? "at least " : "";
  return `The prompt has ${least}${tokens} tokens, but the context holds ${limit} and needs room for one more; shorten it by ${tokens - limit + 1}.`;
}

/** `: what was said.` */
const sentence = (message: string) => (message === "" ? "." : `: ${message}${/[.!?]$/.test(message) ? "" : "."}`);

/** FastAPI lists what is wrong with the fields. */
function wordsOf(error: unknown): string {
  const said = isObject(error) ? (error["message"] ?? error["detail"]) : error;
  // A page for browsers says nothing here.
  if (typeof said === "string") return said.trimStart().startsWith("<") ? "" : said;
  if (!Array.isArray(said)) return "";
  return said.flatMap((one) => (isObject(one) && typeof one["msg"] === "string" ? [one["msg"]] : [])).join("; ");
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
