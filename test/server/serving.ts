// A server on a free port, and OpenAI's own client for it.
import OpenAI, { type ClientOptions } from "openai";
import { createHandler, listen, type HandlerOptions, type ListenOptions } from "../../src/server/index.js";

export type ServingOptions = Omit<HandlerOptions, "models"> & ListenOptions;

export async function serving(models: HandlerOptions["models"], options: ServingOptions = {}) {
  const { host, maxConnections, maxHeaderBytes, headersTimeoutMs, ...rest } = options;
  const server = await listen(createHandler({ models, ...rest }), {
    port: 0,
    host,
    maxConnections,
    maxHeaderBytes,
    headersTimeoutMs,
  });
  const client = (settings: ClientOptions = {}) =>
    new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0, ...settings });
  return { ...server, client, [Symbol.asyncDispose]: () => server.close({ graceMs: 0 }) };
}

export type Serving = Awaited<ReturnType<typeof serving>>;

/** One sample of /metrics; 0 where there is none. */
export async function metric(server: { readonly url: string }, sample: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1) ?? 0);
}
