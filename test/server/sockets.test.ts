// Clients that no library would write: raw sockets that send half, too much, or read nothing.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { promisify } from "node:util";
import { getRequestListener } from "@hono/node-server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { load, type Model } from "../../src/index.js";
import { createHandler } from "../../src/server/index.js";
import { heldBuffers } from "../support/held_memory.js";
import { hermesModel } from "../support/models.js";
import { closed, open as openTo, post, send as sendTo, status } from "../support/raw_client.js";
import { turns, until } from "../support/time/until.js";
import { metric, serving, type Serving } from "./serving.js";

let model: Model;
let server: Serving;
const errors: unknown[] = [];
const said = { info: vi.spyOn(console, "info"), error: vi.spyOn(console, "error") };
beforeAll(async () => {
  model = await load(await hermesModel(), { contextSize: 8192, prefixFolder: false });
  server = await serving(
    { hermes: model },
    { headersTimeoutMs: 300, bodyTimeoutMs: 300, maxConnections: 40, onError: (error) => errors.push(error) },
  );
});
afterAll(async () => {
  await server.close({ graceMs: 0 });
  await model.close();
});

/** Stands in each chunk, so that few of them fill what the kernel holds for a reader. */
const longName = "x".repeat(50_000);
/** The turn does not end. */
const never = { 2: -100, 32000: -100 };
const body = (fields: object = {}) =>
  JSON.stringify({ model: "hermes", messages: [{ role: "user", content: "Hi" }], max_tokens: 5, ...fields });
const head = (length: number, more = "") => post(length, undefined, more);
const request = (text: string, more?: string) => head(Buffer.byteLength(text), more) + text;

const open = (port = server.port) => openTo({ port });
const send = (...pieces: (string | Uint8Array)[]) => sendTo({ port: server.port }, ...pieces);

async function isWell(): Promise<void> {
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: body(),
  });
  expect(answer.status).toBe(200);
  await answer.text();
  expect(errors).toEqual([]);
  // Nothing is said behind the owner's back.
  expect([...said.info.mock.calls, ...said.error.mock.calls]).toEqual([]);
}

test.each<[string, () => (string | Uint8Array)[], number, string]>([
  ["nothing", () => [], 408, ""],
  ["half the headers", () => ["POST /v1/chat/completions HTTP/1.1\r\nHost: local"], 408, ""],
  ["half a body", () => [head(1000), body()], 408, "request_timeout"],
  [
    "broken UTF-8",
    () => [head(4, "Connection: close\r\n"), new Uint8Array([0x22, 0xff, 0xfe, 0x22])],
    400,
    "invalid_json",
  ],
  ["a body that says it has 100 MB", () => [head(100_000_000)], 413, "request_too_large"],
  [
    "100 KB in one header",
    () => [`GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(100_000)}\r\n\r\n`],
    431,
    "",
  ],
  [
    "5,000 headers",
    () => [
      `GET /health HTTP/1.1\r\nHost: localhost\r\n${Array.from({ length: 5000 }, (_, n) => `X-${n}: 1\r\n`).join("")}\r\n`,
    ],
    431,
    "",
  ],
  ["no HTTP at all", () => ["\x16\x03\x01 hello\r\n\r\n"], 400, ""],
  [
    "two lengths",
    () => [
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    ],
    400,
    "",
  ],
  [
    "a length and chunks, as smugglers do",
    () => [
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    400,
    "",
  ],
  ["no host", () => ["GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n"], 400, ""],
  [
    "a name that leads here by DNS rebinding",
    () => ["GET /v1/models HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n"],
    403,
    "host_not_allowed",
  ],
  [
    "an absolute address of somebody else",
    () => ["GET http://rebound.example/v1/models HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n"],
    403,
    "host_not_allowed",
  ],
])("%s is refused, and the server goes on", async (_, pieces, expected, code) => {
  const response = await send(...pieces());
  expect(status(response), response.slice(0, 300)).toBe(expected);
  expect(response).toContain(code);
  await isWell();
});

test("100 MB in chunks are refused after 4 and read on to 64, and nothing of them is kept", async () => {
  await using patient = await serving({ hermes: model });
  const socket = await open(patient.port);
  let got = "";
  socket.setEncoding("utf8").on("data", (text: string) => (got += text));
  const gone = closed(socket);
  const before = heldBuffers();
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const piece = Buffer.from(`100000\r\n${"x".repeat(2 ** 20)}\r\n`);
  let most = 0;
  let sent = 0;
  for (; sent < 100 && !socket.destroyed; sent++) {
    if (!socket.write(piece)) await Promise.race([once(socket, "drain"), gone]).catch(() => {});
    if (sent % 10 === 9) most = Math.max(most, heldBuffers() - before);
  }
  await gone;
  expect(status(got)).toBe(413);
  expect(sent).toBeLessThan(100);
  expect(most).toBeLessThan(20 * 2 ** 20);
  await isWell();
});

test("clients that read nothing of whole answers are closed after a while, and those that wait for one are not", async () => {
  const handler = createHandler({ models: { hermes: model }, readerTimeoutMs: 500 });
  const own = createServer(getRequestListener(handler.fetch, { overrideGlobalObjects: false })).listen(0, "127.0.0.1");
  await once(own, "listening");
  const { port } = own.address() as AddressInfo;
  const connections = promisify(own.getConnections.bind(own));
  // Some megabytes each, of which the kernel takes a part.
  const text = JSON.stringify({ tokens: Array(600_000).fill([...(await model.tokenize("conversation"))].at(-1)) });
  const unread = await Promise.all(Array.from({ length: 4 }, () => open(port)));
  for (const socket of unread) socket.pause().write(post(Buffer.byteLength(text), "/detokenize") + text);
  const waiting = await open(port);
  let got = "";
  waiting.setEncoding("utf8").on("data", (part: string) => (got += part));
  // Longer on its way than an answer may be left unread; and then the connection serves the next request.
  waiting.write(request(body({ max_tokens: 1_500, logit_bias: never })));
  await until(async () => (await connections()) === 1);
  await until(() => got.includes("finish_reason"));
  waiting.write(request(body()));
  await until(() => got.match(/finish_reason/g)?.length === 2);
  expect(await connections()).toBe(1);
  for (const socket of [...unread, waiting]) socket.destroy();
  own.close();
  await isWell();
});

test("a client that reads nothing pauses its generation, then loses it; others go on meanwhile", async () => {
  await using patient = await serving({ [longName]: model }, { readerTimeoutMs: 6_000 });
  const socket = await open(patient.port);
  socket.pause();
  socket.write(request(body({ model: longName, stream: true, max_tokens: 8000, logit_bias: never })));
  // Where the event loop is busy it is paused now and then as well; this is for good.
  let generatedTokens = -1;
  await until(async () => {
    const { paused, generatedTokens: before } = model.stats();
    await turns(200);
    generatedTokens = model.stats().generatedTokens;
    return paused > 0 && generatedTokens === before;
  });
  await isWell();
  await until(() => model.stats().running === 0);
  // It was paused until it was ended; five tokens are those of the other.
  expect(model.stats().generatedTokens - generatedTokens).toBeLessThan(20);
  await expect.poll(() => metric(patient, 'caduceus_cancelled_total{reason="reader_too_slow"}')).toBe(1);
  await closed(socket.resume());
  await isWell();
});

test.each([
  ["closes", (socket: Socket) => socket.end()],
  ["resets", (socket: Socket) => socket.resetAndDestroy()],
])("a client that %s its connection in a stream stops its generation", async (_, leave) => {
  const socket = await open();
  socket.write(request(body({ stream: true, max_tokens: 8000, logit_bias: never })));
  await once(socket, "data");
  // The first event may come before the engine has begun.
  await until(() => model.stats().running === 1);
  leave(socket);
  await until(() => model.stats().running === 0);
  await isWell();
});

const messages = [{ role: "user", content: "Hi" }];
test.each<[path: string, fields: object, limit: (tokens: number) => object]>([
  ["/v1/responses", { input: "Hi", logit_bias: never }, (tokens) => ({ max_output_tokens: tokens })],
  ["/v1/messages", { messages, logit_bias: never }, (tokens) => ({ max_tokens: tokens })],
  ["/api/chat", { messages }, (tokens) => ({ options: { num_predict: tokens, seed: 1 } })],
])(
  "a client that leaves a stream of %s stops its generation, and requests on one connection are answered in order",
  async (path, fields, limit) => {
    const ask = (tokens: number, stream: boolean) => {
      const text = JSON.stringify({ model: "hermes", ...fields, ...limit(tokens), stream });
      return post(Buffer.byteLength(text), path) + text;
    };
    const socket = await open();
    socket.write(ask(8000, true));
    await once(socket, "data");
    // The first event may come before the engine has begun.
    await until(() => model.stats().running === 1);
    socket.resetAndDestroy();
    await until(() => model.stats().running === 0);
    const health = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const response = await send(ask(5, false), health);
    expect(response.match(/HTTP\/1\.1 200/g), response).toHaveLength(2);
    expect(response.indexOf('"model":"hermes"')).toBeLessThan(response.indexOf('"status":"ok"'));
    await isWell();
  },
);

test("a hundred clients that send half a request and wait are closed, and others are served then", async () => {
  const sockets = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(head(1000));
      return socket;
    }),
  );
  await Promise.all(sockets.map((socket) => closed(socket.resume())));
  await isWell();
});

test("two requests on one connection are answered in order", async () => {
  const text = body();
  const response = await send(request(text), `GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  expect(response.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  expect(response.indexOf("chat.completion")).toBeLessThan(response.indexOf('"status":"ok"'));
});

test("a thousand requests in one packet are answered one after the other, and others are let in between", async () => {
  const count = 1_000;
  const many = await open();
  const other = await open();
  let got = "";
  many.setEncoding("utf8").on("data", (text: string) => (got += text));
  many.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(count));
  other.write("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  await closed(other.resume());
  const answers = () => got.match(/HTTP\/1\.1 200/g)?.length ?? 0;
  expect(answers()).toBeLessThan(count / 2);
  await until(() => answers() === count);
  many.destroy();
});

test.each(["of its own", "of the application"])(
  "of requests in one packet whose client leaves, none is begun after the one under way, on a server %s",
  async (whose) => {
    const handler = createHandler({ models: { hermes: model } });
    const own = createServer(getRequestListener(handler.fetch, { overrideGlobalObjects: false })).listen(
      0,
      "127.0.0.1",
    );
    await once(own, "listening");
    const port = whose === "of its own" ? server.port : (own.address() as AddressInfo).port;
    const left = () =>
      metric({ url: `http://127.0.0.1:${port}` }, 'caduceus_cancelled_total{reason="client_closed_request"}');
    const before = await left();
    const socket = await open(port);
    socket.write(request(body({ max_tokens: 5_000, logit_bias: never })).repeat(5));
    await until(() => model.stats().running === 1);
    socket.resetAndDestroy();
    await until(() => model.stats().running === 0);
    await isWell();
    await expect.poll(left).toBe(before + 1);
    own.close();
  },
);
