// What strangers do with connections: half-sent bodies, bodies that are too long or never end, junk, silence. Whatever
// they do, others are served, and what the server holds for them is bounded.
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  createHandler,
  listen,
  type HandlerOptions,
  type Listening,
  type ListenOptions,
} from "../../src/server/index.js";
import { heldBuffers } from "../support/held_memory.js";
import { closed, open, post, send, status, type Raw } from "../support/raw_client.js";
import { until } from "../support/time/until.js";
import { scriptedModel } from "../support/engines/scripted_model.js";

const said = { info: vi.spyOn(console, "info"), error: vi.spyOn(console, "error") };
const errors: unknown[] = [];
const sockets: Socket[] = [];
let server: Listening;

async function serve(options: Omit<HandlerOptions, "models"> & ListenOptions = {}): Promise<Raw> {
  const { model } = await scriptedModel({ answer: () => "Hello there." });
  const { host, maxConnections, ...rest } = options;
  server = await listen(createHandler({ models: { m: model }, onError: (error) => errors.push(error), ...rest }), {
    port: 0,
    host,
    maxConnections,
  });
  return { port: server.port, host };
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close({ graceMs: 0 });
  expect(errors.splice(0)).toEqual([]);
  expect([...said.info.mock.calls, ...said.error.mock.calls]).toEqual([]);
});

const question = JSON.stringify({ messages: [{ role: "user", content: "Hi" }] });
const whole = post(Buffer.byteLength(question), undefined, "Connection: close\r\n") + question;
const elsewhere = process.platform === "linux" ? "127.0.0.2" : undefined;

/** Sends the beginning of a body, and keeps the connection. */
async function stall(to: Raw, ...pieces: readonly (string | Uint8Array)[]): Promise<Socket> {
  const socket = await open(to);
  sockets.push(socket.resume());
  for (const piece of pieces) socket.write(piece);
  return socket;
}

describe("half-sent bodies", () => {
  const halves: readonly [string, readonly (string | Uint8Array)[]][] = [
    ["one byte of a body", [post(1000), "{"]],
    ["nothing of a body", [post(1000)]],
    ["half of a chunked body", [post("chunked"), '5\r\n{"mod']],
    ["a part of four megabytes", [post(4 * 2 ** 20), "x".repeat(2 ** 16)]],
    ["half of a tokenizer's body", [post(1000, "/tokenize"), "{"]],
  ];
  test.each(halves)(
    "256 clients that send %s take places from nobody: others are answered at once, their own address after a second",
    async (_, pieces) => {
      const to = await serve();
      await Promise.all(Array.from({ length: 256 }, () => stall(to, ...pieces)));
      if (elsewhere !== undefined) expect(status(await send({ ...to, from: elsewhere }, whole))).toBe(200);
      expect(status(await send(to, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))).toBe(200);
      await until(async () => status(await send(to, whole)) === 200);
    },
  );

  test("clients that send a byte now and then keep their places, and take none from others", async () => {
    const to = await serve({ maxPendingBodiesPerAddress: 8 });
    const slow = await Promise.all(Array.from({ length: 20 }, () => stall(to, post(1000), "{")));
    const dripping = setInterval(() => slow.forEach((socket) => socket.destroyed || socket.write(" ")), 100);
    try {
      await sleep(1_500);
      const refused = await send(to, whole);
      expect(status(refused)).toBe(429);
      expect(refused).toMatch(/retry-after: 1/i);
      if (elsewhere !== undefined) expect(status(await send({ ...to, from: elsewhere }, whole))).toBe(200);
    } finally {
      clearInterval(dripping);
    }
  });

  test("what they hold of memory is bounded: who holds most loses first", async () => {
    const to = await serve({ maxPendingBytes: 8 * 2 ** 20, maxBodyBytes: 4 * 2 ** 20 });
    const before = heldBuffers();
    const greedy = await Promise.all(
      Array.from({ length: 40 }, () => stall(to, post(4 * 2 ** 20), "x".repeat(3 * 2 ** 20))),
    );
    await until(() => greedy.filter((socket) => socket.destroyed).length >= 30);
    expect(heldBuffers() - before).toBeLessThan(60 * 2 ** 20);
    if (elsewhere !== undefined) expect(status(await send({ ...to, from: elsewhere }, whole))).toBe(200);
    await until(async () => status(await send(to, whole)) === 200);
  });
});

describe("a client that reads only when it has sent everything", () => {
  const long = "x".repeat(6 * 2 ** 20);
  const chunk = `${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`;
  test.each<[string, number, string, string, number]>([
    ["of a body over the limit", 20, post(long.length), long, 413],
    ["of a chunked body over the limit", 20, post("chunked"), chunk, 413],
    ["of another type", 4, post(long.length).replace("application/json", "text/plain"), long, 415],
    ["that is compressed", 4, post(long.length, undefined, "Content-Encoding: gzip\r\n"), long, 415],
    ["without a key", 4, post(long.length), long, 401],
    ["to a path that is not there", 4, post(long.length, "/v1/nothing"), long, 404],
    ["of a method that is not there", 4, post(long.length, "/health"), long, 405],
    ["to another host", 4, post(long.length).replace("localhost", "rebound.example"), long, 403],
  ])("%s sees why it was refused, each of %i", async (title, count, head, body, expected) => {
    const to = await serve({ ...(expected === 401 ? { apiKeys: ["k"] } : {}) });
    const answers = await Promise.all(
      Array.from({ length: count }, async () => {
        const socket = await open(to);
        sockets.push(socket);
        let got = "";
        socket.pause();
        socket.write(head);
        // Everything is written before anything is read.
        await new Promise((resolve) => socket.write(body, resolve));
        socket
          .setEncoding("utf8")
          .on("data", (text: string) => (got += text))
          .resume();
        await until(() => (got.includes("\r\n\r\n{") && got.endsWith("}")) || socket.closed);
        return got;
      }),
    );
    expect(answers.map(status), title).toEqual(Array(count).fill(expected));
    expect(answers.every((answer) => answer.endsWith("}"))).toBe(true);
  });

  test("by fetch and too long sees 413, each of 20", async () => {
    await serve();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        fetch(`${server.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: long,
        }),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(413));
    for (const answer of answers) expect(await answer.json()).toMatchObject({ error: { code: "request_too_large" } });
  });

  test.each<[string, string, string]>([
    ["goes on for ever", post("chunked"), `100000\r\n${"x".repeat(2 ** 20)}\r\n`],
    ["says that it is endless", post(2 ** 40), "x".repeat(2 ** 20)],
  ])("and %s is cut off after a bounded amount, and memory does not follow", async (_, head, piece) => {
    const to = await serve();
    const socket = await stall(to, head);
    const gone = closed(socket);
    const before = heldBuffers();
    let [sent, most] = [0, 0];
    while (!socket.destroyed && sent < 400) {
      if (!socket.write(piece)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), gone]);
      sent++;
      if (sent % 20 === 0) most = Math.max(most, heldBuffers() - before);
    }
    expect(sent).toBeLessThan(400);
    // Some of it is this client's own; what is read on is 64 MiB.
    expect(most).toBeLessThan(32 * 2 ** 20);
    expect(status(await send(to, whole))).toBe(200);
  });

  test("and stops in the middle is closed after a while", async () => {
    const to = await serve();
    const socket = await stall(to, post(100 * 2 ** 20), "x".repeat(2 ** 20));
    await closed(socket);
    expect(status(await send(to, whole))).toBe(200);
  });
});

describe("junk", () => {
  const get = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  test.each<[string, readonly (string | Uint8Array)[]]>([
    ["after a request on its connection", [post(Buffer.byteLength(question)), question, "\x00\x01\x02 what?\r\n\r\n"]],
    ["of a second body that never comes", [get, post(10), "{"]],
    ["of 50 requests at once, the last one broken", [get.repeat(50), "GET\r\n\r\n"]],
    ["of a body longer than it said", [post(2), "{}", "{}{}{}\r\n\r\n"]],
    ["of a length that is no number", [post(0).replace("Length: 0", "Length: 1e3"), question]],
    ["of a negative length", [post(0).replace("Length: 0", "Length: -5"), question]],
    ["of a chunk of no size", [post("chunked"), "zz\r\n{}\r\n0\r\n\r\n"]],
    ["of a host that is none", ["GET /health HTTP/1.1\r\nHost: a b c\r\nConnection: close\r\n\r\n"]],
    [
      "of a host with another's name in it",
      ["GET /health HTTP/1.1\r\nHost: localhost@rebound.example\r\nConnection: close\r\n\r\n"],
    ],
    ["of a path with backslashes", ["GET /a\\..\\b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"]],
    [
      "of an absolute address that is none",
      ["GET http://[::1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"],
    ],
  ])("%s is refused with an answer, and others are served", async (_, pieces) => {
    const to = await serve({ bodyTimeoutMs: 300 });
    const answers = [...(await send(to, ...pieces)).matchAll(/HTTP\/1\.1 (\d+) /g)].map((match) => Number(match[1]));
    expect([400, 403, 404, 408], String(answers)).toContain(answers.at(-1));
    expect(status(await send(to, whole))).toBe(200);
  });
});

/** Not every machine has it. */
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

describe.each(["127.0.0.1", ...(hasIpv6 ? ["::1", "[::1]"] : [])])("on %s", (host) => {
  test.each([
    ["HTTP/1.0, which names no host", "GET /v1/models HTTP/1.0\r\n\r\n", 200],
    ["HTTP/1.0 with a host", "GET /v1/models HTTP/1.0\r\nHost: localhost\r\n\r\n", 200],
    [
      "its address as the host",
      `GET /v1/models HTTP/1.1\r\nHost: ${host === "::1" ? "[::1]" : host}:1234\r\nConnection: close\r\n\r\n`,
      200,
    ],
    ["HTTP/1.0 with somebody else's host", "GET /v1/models HTTP/1.0\r\nHost: rebound.example\r\n\r\n", 403],
    ["HTTP/1.1 without a host", "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
  ])("%s is answered", async (_, request, expected) => {
    const to = await serve({ host });
    const address = host.replace(/[[\]]/g, "");
    expect(status(await send({ ...to, host: address }, request))).toBe(expected);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });
});
