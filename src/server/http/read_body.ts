// The body of a request: JSON in UTF-8, within its limits of size and time.
import { ApiError } from "../api_error.js";
import { Fields } from "../fields/read_fields.js";
import { hasMoreParts } from "../json_parts.js";
import { incomingOf } from "./node_request.js";
import { PendingBodies, type PendingLimits } from "./pending_bodies.js";
import { turn } from "../turns.js";

export interface BodyLimits extends PendingLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

/** In bytes. Of JSON a megabyte of small objects takes up to a hundred milliseconds on a slow machine. */
const largeBody = 2 ** 16;
/** 250,000 names take 300 ms to parse on a slow machine, 1.2 million empty objects 380. */
const mostParts = 50_000;

export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #pending: PendingBodies;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
    this.#pending = new PendingBodies(limits);
  }

  /**
   * `env` is what the adapter gave to `fetch`. `isTyped`: bodies that are not declared as JSON are refused, whoever
   * sends them.
   */
  async read(request: Request, env: unknown, options: { readonly isTyped?: boolean } = {}): Promise<Fields> {
    return new Fields(await this.readValue(request, env, options));
  }

  /** The same, where it need not be an object. */
  async readValue(request: Request, env: unknown, { isTyped = true } = {}): Promise<unknown> {
    const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    // What a page of the web can send without asking first is none of these.
    if (type !== "application/json" && (isTyped || isOfPage(request.headers)))
      throw new ApiError(
        415,
        "unsupported_media_type",
        "The body is not declared as JSON. Send the header Content-Type: application/json.",
        {
          headers: close,
        },
      );
    const parsed = parsedBefore(env);
    if (parsed !== undefined) return parseGiven(parsed);
    if (request.bodyUsed) throw readBefore();
    const encoding = request.headers.get("content-encoding")?.trim().toLowerCase();
    if (encoding !== undefined && encoding !== "identity")
      throw new ApiError(415, "unsupported_media_type", "The body is compressed. Send it without Content-Encoding.", {
        headers: close,
      });
    const length = Number(request.headers.get("content-length") ?? 0);
    if (length > this.#limits.maxBodyBytes) throw this.#tooLarge();
    const bytes = await this.#bytes(request, incomingOf(env)?.socket?.remoteAddress);
    if (bytes.byteLength === 0 && length > 0) throw readBefore();
    if (bytes.byteLength > largeBody) {
      // Several may have come to their end at once.
      await turn();
      if (hasMoreParts(bytes, mostParts))
        throw new ApiError(
          413,
          "request_too_large",
          `The body has too many parts. Send at most ${mostParts} objects, arrays and names of properties.`,
        );
    }
    return parse(bytes);
  }

  async #bytes(request: Request, address: string | undefined): Promise<Buffer> {
    if (request.body === null) return Buffer.alloc(0);
    const { bodyTimeoutMs } = this.#limits;
    let ended: ApiError | undefined;
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    // Ends the read that waits. A race between the two would hold every chunk for as long as the timer runs.
    const end = (error: ApiError) => {
      ended = error;
      void reader?.cancel().catch(() => {});
    };
    const place = this.#pending.enter(address, end);
    reader = request.body.getReader();
    const timer = setTimeout(
      () =>
        end(
          new ApiError(408, "request_timeout", `The body did not arrive within ${bodyTimeoutMs} ms.`, {
            headers: close,
          }),
        ),
      bodyTimeoutMs,
    );
    try {
      const chunks: Uint8Array[] = [];
      let size = 0;
      for (;;) {
        const { done, value } = await reader.read();
        if (ended !== undefined) throw ended;
        if (done) return Buffer.concat(chunks);
        size += value.byteLength;
        if (size > this.#limits.maxBodyBytes) throw this.#tooLarge();
        chunks.push(value);
        place.received(value.byteLength);
      }
    } catch (error) {
      // What is too large is read on, elsewhere; all else is not waited for.
      if (error instanceof ApiError && error.status === 413) reader.releaseLock();
      else void reader.cancel().catch(() => {});
      if (error instanceof ApiError) throw error;
      if (request.signal.aborted)
        throw new ApiError(499, "client_closed_request", "The client went away.", { cause: error });
      throw new ApiError(400, "invalid_json", "The body broke off.", { cause: error, headers: close });
    } finally {
      clearTimeout(timer);
      place.leave();
    }
  }

  #tooLarge(): ApiError {
    return new ApiError(
      413,
      "request_too_large",
      `The body is too large. Send at most ${this.#limits.maxBodyBytes} bytes.`,
      {
        headers: close,
      },
    );
  }
}

/** Browsers say for whom they send, of what they send without asking too. */
const isOfPage = (headers: Headers) => ["origin", "sec-fetch-site", "referer"].some((name) => headers.has(name));

/**
 * What a parser such as `express.json()` made of the body; an empty object may also stand for a body that it left
 * alone.
 */
function parsedBefore(env: unknown): unknown {
  const incoming = incomingOf(env);
  if (incoming?.readableDidRead !== true) return undefined;
  const { body } = incoming;
  return typeof body === "object" && body !== null && Object.keys(body).length === 0 ? undefined : (body ?? undefined);
}

/** Text and bytes come of parsers for those. */
function parseGiven(value: unknown): unknown {
  if (value instanceof Uint8Array) return parse(value);
  return typeof value === "string" ? parseText(value) : value;
}

function parse(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError(400, "invalid_json", "The body is not UTF-8. Send JSON in UTF-8.");
  }
  return parseText(text);
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, "invalid_json", "The body is not JSON.");
  }
}

/** Not the client's fault: the application around has read it. */
function readBefore(): ApiError {
  return new ApiError(
    500,
    "server_error",
    "The body of this request was read before the handler got it. Mount the handler before parsers of bodies such as express.json(), or leave what they parsed in request.body.",
  );
}

// What is left of the body is not worth reading.
const close = { connection: "close" } as const;
