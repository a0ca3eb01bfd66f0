// `listen`: the server on its own port, with limits on connections.
/// <reference lib="esnext.disposable" preserve="true" />
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { systemError } from "../../errors.js";
import { ApiError } from "../api_error.js";
import type { Handler } from "../handler.js";
import { checkHandler, checkListenOptions, type ListenOptions } from "../server_options.js";

/** A server that listens. */
export interface Listening {
  /** Address for clients, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** The port, also if 0 was given. */
  readonly port: number;
  /**
   * Accepts no further requests, waits for running ones, cancels those left after `graceMs` (default 10,000), and
   * closes all connections. The models stay open. May be called twice.
   */
  close(options?: { readonly graceMs?: number | undefined }): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves on a port: by default 8080 of this machine alone.
 *
 * @example
 * ```ts
 * import { load } from "caduceus";
 * import { createHandler, listen } from "caduceus/server";
 *
 * const model = await load("hermes-2-pro");
 * const port = Number(process.env.PORT ?? 8080);
 * const server = await listen(createHandler({ models: { hermes: model } }), { port });
 * process.once("SIGTERM", () => void server.close().then(() => model.close()));
 * ```
 *
 * @throws CaduceusError `INVALID_ARGUMENT`; `SYSTEM_ERROR` if the port cannot be used, with `port` or `host` as its
 * `param`
 */
export async function listen(handler: Handler, options: ListenOptions = {}): Promise<Listening> {
  checkHandler(handler);
  const { host, port, maxConnections, maxHeaderBytes, headersTimeoutMs } = checkListenOptions(options);
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      // Bodies have a limit of their own; Node's is for those that the handler does not read.
      requestTimeout: Math.max(headersTimeoutMs, 300_000),
      connectionsCheckingInterval: Math.min(headersTimeoutMs, 5_000),
      keepAliveTimeout: 30_000,
    },
    getRequestListener(handler.fetch, {
      overrideGlobalObjects: false,
      // Of a request without a host, as HTTP/1.0 has them. Browsers always name one.
      hostname: "localhost",
      errorHandler: (error) =>
        (error as Error | undefined)?.name === "RequestError" ? refuseRequest() : new Response(null, { status: 500 }),
    }),
  );
  server.maxConnections = maxConnections;
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw listenError(error, port, host);
  }
  const address = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = (how?: { readonly graceMs?: number | undefined }) => (closing ??= closeServer(server, handler, how));
  return {
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function listenError(error: unknown, port: number, host: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const [param, remedy] =
    code === "EADDRINUSE"
      ? ["port", "Give another port, or 0 for a free one."]
      : code === "EACCES"
        ? ["port", "Ports below 1024 may need further rights: give a higher one."]
        : ["host", "Give an address of this machine, such as 127.0.0.1 or 0.0.0.0."];
  return systemError(error, `The server cannot listen on ${host}, port ${port}`, { param, remedy });
}

/** A path or a host of which no URL can be made never comes to the handler. */
function refuseRequest(): Response {
  const { status, body } = new ApiError(400, "invalid_value", "The path or the host of this request cannot be read.");
  return Response.json(body, { status, headers: { connection: "close" } });
}

async function closeServer(
  server: Server,
  handler: Handler,
  how?: { readonly graceMs?: number | undefined },
): Promise<void> {
  const closed = once(server, "close");
  // Until the last has ended, new requests and `/ready` are told that the server is shutting down.
  await handler.close(how);
  server.close();
  // A connection that is kept alive for a next request would hold it open.
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  try {
    server.closeIdleConnections();
    // What has been answered still has to be read.
    const last = setTimeout(() => server.closeAllConnections(), 1_000);
    await closed;
    clearTimeout(last);
  } finally {
    clearInterval(sweep);
  }
}
