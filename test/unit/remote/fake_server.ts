// A server with OpenAI's completions whose answers a test writes, byte by byte.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { connect, type ConnectOptions, type Model } from "../../../src/index.js";

export type Answer = (response: ServerResponse, body: Record<string, unknown>, request: IncomingMessage) => unknown;

export interface FakeServer {
  readonly url: string;
  /** Requests to complete, by their bodies. */
  readonly asked: Record<string, unknown>[];
  /** Connections that are open. */
  readonly open: () => number;
}

/** `answers`: one for each request in turn; the last one for all that follow. */
export async function fakeServer(...answers: Answer[]): Promise<FakeServer> {
  const asked: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      if (request.url === "/v1/models")
        return response.end(JSON.stringify({ object: "list", data: [{ id: "fake", owned_by: "somebody" }] }));
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
      asked.push(body);
      return answers[Math.min(asked.length, answers.length) - 1]!(response, body, request);
    })().catch(() => {});
  });
  let open = 0;
  server.on("connection", (socket) => {
    open++;
    socket.once("close", () => open--);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, open: () => open };
}

export async function connected(server: { readonly url: string }, options: ConnectOptions = {}): Promise<Model> {
  const model = await connect(server.url, { format: "hermes", retries: 0, ...options });
  onTestFinished(() => model.close());
  return model;
}

export const event = (value: unknown) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
export const text = (piece: string) => event({ choices: [{ index: 0, text: piece, finish_reason: null }] });
export const finish = (reason = "stop") => event({ choices: [{ index: 0, text: "", finish_reason: reason }] });

/** A whole answer. */
export const says =
  (...pieces: string[]): Answer =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(pieces.map(text).join("") + finish() + event("[DONE]"));
  };

export const refuses =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
