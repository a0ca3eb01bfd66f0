// Options of the server, their checks and defaults.
import type { Model, ModelPool } from "../index.js";
import { checkBoolean, checkFunction, checkOptions } from "../options/option_checks.js";
import { invalidArgument, mismatch, unreadable, type CaduceusError } from "../errors.js";
import { normalHost, normalOrigin, withoutBrackets } from "./http/origins.js";

/** Options of `createHandler`: models, access and limits. */
export interface HandlerOptions {
  /**
   * A `ModelPool`, which loads its models when requests need them; or the models by their names for clients. Of these a
   * promise of `load` is accepted: until it resolves, `/ready` reports that the model is loading, and requests for it
   * are refused with `Retry-After`. Closing the pool or the models remains the caller's task.
   */
  readonly models: ModelPool | Readonly<Record<string, Model | Promise<Model>>>;
  /**
   * API keys. They are compared in constant time, and requests with different keys never share cached tokens. Defaults
   * to no keys: everyone may use the server.
   */
  readonly apiKeys?: readonly string[] | undefined;
  /**
   * Names allowed in a request's `Host`, besides `localhost` and IP addresses; others are refused, against DNS
   * rebinding. `"any"` turns the check off, for a server behind a proxy that checks. Ports are ignored. Defaults to
   * none.
   */
  readonly allowedHosts?: readonly string[] | "any" | undefined;
  /**
   * Origins whose pages may use the server (CORS), such as `https://example.com`; `["*"]` allows all. Defaults to none.
   */
  readonly corsOrigins?: readonly string[] | undefined;
  /**
   * Maximum number of answers that wait for their first token; further requests get 429 and `Retry-After`. Whole number
   * from 1. Defaults to 256.
   */
  readonly maxQueue?: number | undefined;
  /** Maximum size of a request's body in bytes. Whole number from 1. Defaults to 4 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Maximum number of incomplete bodies of one remote address. Further ones get 429, unless an earlier one has stalled
   * for a second, which is then given up. Behind a proxy all clients have the proxy's address. Has no effect if the
   * address is unknown: `listen` and adapters for Node's servers provide it. Whole number from 1. Defaults to 64.
   */
  readonly maxPendingBodiesPerAddress?: number | undefined;
  /** Maximum number of incomplete bodies of all addresses. Whole number from 1. Defaults to 1,024. */
  readonly maxPendingBodies?: number | undefined;
  /**
   * Maximum memory of incomplete bodies in bytes; beyond it the address that holds most loses one, with 429. Whole
   * number from `maxBodyBytes`. Defaults to 256 MiB.
   */
  readonly maxPendingBytes?: number | undefined;
  /** Time limit in milliseconds for receiving a body. Defaults to 30,000. */
  readonly bodyTimeoutMs?: number | undefined;
  /** Time limit of an answer in milliseconds, waiting included. Defaults to 1,800,000: half an hour. */
  readonly replyTimeoutMs?: number | undefined;
  /**
   * Time in milliseconds that a client may leave an answer unread before its connection is closed. Before that, the
   * generation of a stream pauses. Defaults to 60,000.
   */
  readonly readerTimeoutMs?: number | undefined;
  /**
   * Time in milliseconds after which a stream without a first token sends its status. Earlier failures have an HTTP
   * status, later ones are an event of the stream. Defaults to 3,000.
   */
  readonly statusAfterMs?: number | undefined;
  /**
   * Time in milliseconds after which an idle stream sends a comment, so that proxies do not close it. Defaults to
   * 10,000.
   */
  readonly heartbeatMs?: number | undefined;
  /**
   * Maximum number of responses of `/v1/responses` that are stored in memory, so that `previous_response_id` can
   * continue them; those that were not used for longest are dropped. 0 stores none. Whole number. Defaults to 1,000.
   */
  readonly maxStoredResponses?: number | undefined;
  /** Maximum memory of stored responses in bytes. Whole number from 1. Defaults to 64 MiB. */
  readonly maxStoredResponseBytes?: number | undefined;
  /** Whether to serve the web page at `/`. The page needs no API key, but its requests do. Defaults to true. */
  readonly page?: boolean | undefined;
  /** Called with errors that the client did not cause. Defaults to none. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Options of `listen`: the address, and limits of connections. */
export interface ListenOptions {
  /** Host name or address. Defaults to `127.0.0.1`: only this machine. */
  readonly host?: string | undefined;
  /** Port; 0 takes a free one. Whole number from 0 to 65,535. Defaults to 8080. */
  readonly port?: number | undefined;
  /** Maximum number of connections; more are closed at once. Whole number from 1. Defaults to 1,024. */
  readonly maxConnections?: number | undefined;
  /** Maximum size of a request's headers in bytes; larger ones get 431. Whole number from 1. Defaults to 16 KiB. */
  readonly maxHeaderBytes?: number | undefined;
  /** Time limit in milliseconds for receiving headers. Defaults to 10,000. */
  readonly headersTimeoutMs?: number | undefined;
}

const most = 0x7fffffff;

const handlerOptionNames = [
  "models",
  "apiKeys",
  "allowedHosts",
  "corsOrigins",
  "maxQueue",
  "maxBodyBytes",
  "maxPendingBodiesPerAddress",
  "maxPendingBodies",
  "maxPendingBytes",
  "bodyTimeoutMs",
  "replyTimeoutMs",
  "readerTimeoutMs",
  "statusAfterMs",
  "heartbeatMs",
  "maxStoredResponses",
  "maxStoredResponseBytes",
  "page",
  "onError",
] as const satisfies readonly (keyof HandlerOptions)[];

const listenOptionNames = [
  "host",
  "port",
  "maxConnections",
  "maxHeaderBytes",
  "headersTimeoutMs",
] as const satisfies readonly (keyof ListenOptions)[];

export function checkHandlerOptions(given: unknown) {
  const options = checkOptions(given, "createHandler", handlerOptionNames) as unknown as HandlerOptions;
  const models = isPool(options.models) ? options.models : checkModels(options.models);
  const maxBodyBytes = checkWholeNumber(options.maxBodyBytes, "maxBodyBytes", 1) ?? 4 * 2 ** 20;
  return {
    models,
    apiKeys: checkKeys(options.apiKeys),
    allowedHosts: options.allowedHosts === "any" ? ("any" as const) : checkHosts(options.allowedHosts),
    corsOrigins: checkOrigins(options.corsOrigins),
    maxQueue: checkWholeNumber(options.maxQueue, "maxQueue", 1) ?? 256,
    maxBodyBytes,
    maxPendingBodiesPerAddress:
      checkWholeNumber(options.maxPendingBodiesPerAddress, "maxPendingBodiesPerAddress", 1) ?? 64,
    maxPendingBodies: checkWholeNumber(options.maxPendingBodies, "maxPendingBodies", 1) ?? 1024,
    maxPendingBytes:
      checkWholeNumber(options.maxPendingBytes, "maxPendingBytes", maxBodyBytes) ??
      Math.max(maxBodyBytes, 256 * 2 ** 20),
    bodyTimeoutMs: checkWholeNumber(options.bodyTimeoutMs, "bodyTimeoutMs", 1) ?? 30_000,
    replyTimeoutMs: checkWholeNumber(options.replyTimeoutMs, "replyTimeoutMs", 1) ?? 30 * 60_000,
    readerTimeoutMs: checkWholeNumber(options.readerTimeoutMs, "readerTimeoutMs", 1) ?? 60_000,
    statusAfterMs: checkWholeNumber(options.statusAfterMs, "statusAfterMs", 1) ?? 3_000,
    heartbeatMs: checkWholeNumber(options.heartbeatMs, "heartbeatMs", 1) ?? 10_000,
    maxStoredResponses: checkWholeNumber(options.maxStoredResponses, "maxStoredResponses", 0) ?? 1_000,
    maxStoredResponseBytes:
      checkWholeNumber(options.maxStoredResponseBytes, "maxStoredResponseBytes", 1) ?? 64 * 2 ** 20,
    page: checkBoolean(options.page, "page") ?? true,
    onError: (checkFunction(options.onError, "onError") as HandlerOptions["onError"]) ?? (() => {}),
  };
}

export function checkListenOptions(given: unknown) {
  const options = checkOptions(given, "listen", listenOptionNames) as ListenOptions;
  return {
    host: checkHost(options.host) ?? "127.0.0.1",
    port: checkWholeNumber(options.port, "port", 0, 65_535) ?? 8080,
    maxConnections: checkWholeNumber(options.maxConnections, "maxConnections", 1) ?? 1024,
    maxHeaderBytes: checkWholeNumber(options.maxHeaderBytes, "maxHeaderBytes", 1) ?? 16 * 2 ** 10,
    headersTimeoutMs: checkWholeNumber(options.headersTimeoutMs, "headersTimeoutMs", 1) ?? 10_000,
  };
}

/** Options of `close`. */
export function checkCloseOptions(given: unknown): { readonly graceMs: number } {
  return { graceMs: checkWholeNumber(checkOptions(given, "close", ["graceMs"])["graceMs"], "graceMs", 0) ?? 10_000 };
}

function checkWholeNumber(value: unknown, name: string, minimum: number, maximum = most): number | undefined {
  if (
    value === undefined ||
    (typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum)
  )
    return value as number | undefined;
  throw invalidArgument(`a whole number from ${minimum} to ${maximum}`, name, value);
}

/** Refuses an empty list, which would serve everybody. */
function checkKeys(value: unknown): readonly string[] {
  const keys = checkTexts(value, "apiKeys");
  if (keys?.length === 0) {
    throw mismatch(
      "INVALID_ARGUMENT",
      { expected: "at least one key", place: "apiKeys", received: "an empty array" },
      { remedy: "Leave it out to serve everybody without a key." },
    );
  }
  return keys ?? [];
}

function checkTexts(value: unknown, name: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((text) => typeof text === "string" && text !== ""))
    return [...(value as string[])];
  // Not what it was: it may be a key.
  throw wrong("an array of strings that are not empty", name, "something else");
}

/** An empty one would be all addresses of the machine. */
function checkHost(host: unknown): string | undefined {
  if (host === undefined) return undefined;
  if (typeof host !== "string" || host.trim() === "")
    throw wrong(
      'a name or an address, such as "127.0.0.1" or "0.0.0.0"',
      "host",
      host === "" ? "an empty string" : host,
    );
  return withoutBrackets(host.trim());
}

function checkHosts(hosts: unknown): readonly string[] {
  return (checkTexts(hosts, "allowedHosts") ?? []).map((text) => {
    const host = normalHost(text.trim());
    if (host === undefined)
      throw wrong('names such as "models.example.com" (or "any")', "allowedHosts", JSON.stringify(text));
    return host;
  });
}

function checkOrigins(origins: unknown): readonly string[] {
  return (checkTexts(origins, "corsOrigins") ?? []).map((text) => {
    const origin = normalOrigin(text.trim());
    if (origin === undefined)
      throw wrong('origins such as "https://example.com" (or "*")', "corsOrigins", JSON.stringify(text));
    return origin;
  });
}

function checkModels(given: Readonly<Record<string, Model | Promise<Model>>>) {
  const models = asItIs(given, "models");
  if (Object.keys(models).length === 0) throw wrong("at least one model", "models", "none");
  for (const [name, model] of Object.entries(models)) checkModel(model, step("models", name));
  return models;
}

/** By shape, since it may come from another copy of this library. No model is a function. */
export const isPool = (value: unknown): value is ModelPool =>
  ["acquire", "inspect", "list"].every((method) => hasMethod(value, method));

/** Checks for a model or a promise of one, by shape, since it may come from another copy of this library. */
export function checkModel(value: unknown, name: string): void {
  if (!isModel(value) && !(typeof value === "object" && hasMethod(value, "then")))
    throw invalidArgument("a model or a promise of one", name, value);
}

/** Checks the model that a promise resolved to. */
export function checkModelItself(value: unknown, name: string): void {
  if (!isModel(value)) throw invalidArgument("a model", name, value);
}

const isModel = (value: unknown): value is Model =>
  typeof value === "object" && ["reply", "complete", "tokenize"].every((method) => hasMethod(value, method));

/** Checks for a handler of `createHandler`. */
export function checkHandler(value: unknown): void {
  if (!hasMethod(value, "fetch") || !hasMethod(value, "close"))
    throw invalidArgument("what createHandler gave", "handler", value);
}

function hasMethod(value: unknown, name: string): boolean {
  try {
    return typeof (value as Readonly<Record<string, unknown>> | null | undefined)?.[name] === "function";
  } catch {
    return false; // A proxy that was revoked.
  }
}

const step = (path: string, name: string) =>
  /^[\w$-]+$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;

/** A copy: everything is read at the call, and each value once. */
function asItIs<T extends object>(value: T, name: string): T {
  try {
    return { ...value };
  } catch (error) {
    throw unreadable(error, name, "INVALID_ARGUMENT");
  }
}

function wrong(expected: string, name: string, received: unknown): CaduceusError {
  const parts = { expected, place: name, received: typeof received === "object" ? "an object" : String(received) };
  return mismatch("INVALID_ARGUMENT", parts);
}
