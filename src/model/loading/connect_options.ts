// How a model on a server is used: the public options and their checks.
import { serverKinds, type ServerKind } from "../../engine/remote/remote_server.js";
import type { ConnectionSettings } from "../../engine/remote/http/server_connection.js";
import type { OpenServerOptions } from "../../engine/remote/open_server_options.js";
import { CaduceusError, describe, invalidArgument, mismatch, reading } from "../../errors.js";
import type { FormatOptions } from "../../format/conversation_format.js";
import {
  checkChoice,
  checkOptions,
  checkPositiveNumber,
  checkSignal,
  checkText,
  checkWholeNumber,
} from "../../options/option_checks.js";
import { checkFormat, type LoadOptions } from "./load_options.js";

/** How a model on a server is used. */
export interface ConnectOptions extends Pick<LoadOptions, "format" | "chatTemplate" | "promptVariant"> {
  /** Name of the model there. Defaults to the only model that the server has. */
  readonly model?: string | undefined;
  /** Key of the server, sent as `Authorization: Bearer KEY`. Never part of an error or a message. Defaults to none. */
  readonly apiKey?: string | undefined;
  /** What the server is. Defaults to what it says of itself, and `"openai"` where it says nothing that is known. */
  readonly engine?: ServerKind | undefined;
  /** Further headers of each request, such as those of a proxy. Defaults to none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Tokens of one conversation, for servers that do not tell. Whole number from 8 up. Defaults to what it tells. */
  readonly contextSize?: number | undefined;
  /** Replies that are read at the same time; further ones wait. Whole number from 1. Defaults to 256. */
  readonly maxConnections?: number | undefined;
  /**
   * How often a request is sent again that has failed in a way that may pass, before anything of its answer has come.
   * Whole number from 0 to 100. Defaults to 3.
   */
  readonly retries?: number | undefined;
  /** Maximum time in milliseconds until there is a connection. Number above 0. Defaults to 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** The same for an answer to what generates nothing, such as tokenizing. Defaults to 60,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** The same from a request to the first token of its answer. Defaults to 600,000. */
  readonly firstTokenTimeoutMs?: number | undefined;
  /** The same between two pieces of an answer. Defaults to 120,000. */
  readonly stallTimeoutMs?: number | undefined;
  /** Aborts connecting; `connect` then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const connectOptionNames = [
  "model",
  "apiKey",
  "engine",
  "headers",
  "contextSize",
  "maxConnections",
  "retries",
  "connectTimeoutMs",
  "requestTimeoutMs",
  "firstTokenTimeoutMs",
  "stallTimeoutMs",
  "format",
  "chatTemplate",
  "promptVariant",
  "signal",
] as const satisfies readonly (keyof ConnectOptions)[];

export interface CheckedConnectOptions {
  readonly connection: Omit<ConnectionSettings, "url">;
  readonly serverOptions: OpenServerOptions;
  readonly retries: number;
  readonly format: FormatOptions;
  readonly signal: AbortSignal | undefined;
}

const longestTimeMs = 0x7fffffff;

export function checkConnectOptions(value: unknown): CheckedConnectOptions {
  const options = checkOptions(value, "connect", connectOptionNames);
  const time = (name: keyof ConnectOptions, otherwise: number) =>
    Math.min(checkPositiveNumber(options[name], name) ?? otherwise, longestTimeMs);
  return {
    connection: {
      apiKey: checkKey(options.apiKey),
      headers: reading("headers", () => checkHeaders(options.headers)),
      maxConnections: checkWholeNumber(options.maxConnections, "maxConnections", 1, 100_000) ?? 256,
      connectTimeoutMs: time("connectTimeoutMs", 10_000),
      requestTimeoutMs: time("requestTimeoutMs", 60_000),
      firstTokenTimeoutMs: time("firstTokenTimeoutMs", 600_000),
      stallTimeoutMs: time("stallTimeoutMs", 120_000),
    },
    serverOptions: {
      model: options.model === undefined ? undefined : checkText(options.model, "model"),
      engine: checkChoice(options.engine, "engine", serverKinds),
      contextSize: checkWholeNumber(options.contextSize, "contextSize", 8, longestTimeMs),
    },
    retries: checkWholeNumber(options.retries, "retries", 0, 100) ?? 3,
    format: checkFormat(options),
    signal: checkSignal(options.signal),
  };
}

const mostServers = 1_000;

/** One address, or those of a fleet, of which no two are the same. */
export function checkServerUrls(value: unknown): string | readonly string[] {
  return reading("url", () => readServerUrls(value));
}

function readServerUrls(value: unknown): string | readonly string[] {
  if (!Array.isArray(value)) return checkServerUrl(value);
  if (value.length === 0 || value.length > mostServers)
    throw invalidArgument(`1 to ${mostServers} addresses of servers`, "url", value);
  const urls = value.map((one: unknown, index) => checkServerUrl(one, `url[${index}]`));
  const twice = urls.findIndex((url, index) => urls.indexOf(url) < index);
  if (twice < 0) return urls;
  throw mismatch("INVALID_ARGUMENT", {
    expected: "servers that differ",
    place: `url[${twice}]`,
    received: "an address for the second time",
  });
}

/** A server's address without the path of its API: `http://host:8000/v1` is `http://host:8000`. */
export function checkServerUrl(value: unknown, name = "url"): string {
  return reading(name, () => readServerUrl(value, name));
}

function readServerUrl(value: unknown, name: string): string {
  const expected = "the address of a server, such as http://127.0.0.1:8000";
  const url = value instanceof URL ? value : typeof value === "string" ? parse(value) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    // Whatever it is, there may be a key in it.
    throw typeof value === "string"
      ? mismatch("INVALID_ARGUMENT", { expected, place: name, received: "a string that is none" })
      : invalidArgument(expected, name, value);
  if (url.username !== "" || url.password !== "")
    throw new CaduceusError("INVALID_ARGUMENT", `${name} must not have a user or password in it.`, {
      param: name,
      remedy: "Give the key as apiKey.",
    });
  if (url.search !== "" || url.hash !== "")
    throw mismatch("INVALID_ARGUMENT", { expected, place: name, received: "an address with a query" });
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "").replace(/\/v1$/, "");
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Not described where it is wrong: it is a secret. */
function checkKey(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  throw mismatch("INVALID_ARGUMENT", {
    expected: "text of visible ASCII characters",
    place: "apiKey",
    received: typeof value === "string" ? "other text" : describe(value),
  });
}

/** These are ours. */
const ownHeaders: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "transfer-encoding",
  "connection",
]);

function checkHeaders(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidArgument("an object of texts", "headers", value);
  return Object.fromEntries(
    Object.entries(value).map(([name, text]: [string, unknown]) => {
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || ownHeaders.has(name.toLowerCase()))
        throw mismatch("INVALID_ARGUMENT", {
          expected: "names of headers",
          place: "headers",
          received: describe(name),
        });
      if (typeof text !== "string" || !/^[\x20-\x7e]*$/.test(text))
        throw mismatch("INVALID_ARGUMENT", {
          expected: "text of ASCII characters",
          place: `headers.${name}`,
          received: typeof text === "string" ? "other text" : describe(text),
        });
      return [name, text];
    }),
  );
}
