// Bodies that somebody else has read, and the places of those that are still arriving.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createHandler, listen, type HandlerOptions } from "../../../src/server/index.js";
import type { ApiError } from "../../../src/server/api_error.js";
import { PendingBodies, type PendingBody } from "../../../src/server/http/pending_bodies.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { until } from "../../support/time/until.js";

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close().closeAllConnections()));
const errors: unknown[] = [];
afterEach(() => expect(errors.splice(0)).toEqual([]));

async function handlerOf(options: Omit<HandlerOptions, "models"> = {}) {
  const { model } = await scriptedModel({ answer: () => "Hello there." });
  return createHandler({ models: { m: model }, onError: (error) => errors.push(error), ...options });
}

/** What `express.json()` and its like do: reads the body, and leaves `body` on the request. */
async function parseFirst(incoming: IncomingMessage, parse: ((bytes: Buffer) => unknown) | undefined): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece);
  if (parse !== undefined) Object.assign(incoming, { body: parse(Buffer.concat(pieces)) });
}

const hi = { messages: [{ role: "user", content: "Hi" }] };
const ask = (url: string, body: unknown = hi, type = "application/json") =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": type },
    body: JSON.stringify(body),
  });

describe("a body that was read before", () => {
  const serveBehind = async (
    parse: ((bytes: Buffer) => unknown) | undefined,
    wrap: (
      fetch: (request: Request, env?: unknown) => Promise<Response>,
    ) => (request: Request, env: unknown) => Promise<Response> = (fetch) => fetch,
  ) => {
    const listener = getRequestListener(wrap((await handlerOf()).fetch) as (request: Request) => Promise<Response>, {
      overrideGlobalObjects: false,
    });
    const server = createServer(
      (incoming, outgoing) => void parseFirst(incoming, parse).then(() => listener(incoming, outgoing)),
    );
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const mounted = (fetch: (request: Request, env?: unknown) => Promise<Response>) => {
    const app = new Hono().mount("/", fetch);
    return async (request: Request, env: unknown) => app.fetch(request, env as object);
  };

  test.each<[string, (bytes: Buffer) => unknown]>([
    ["an object", (bytes) => JSON.parse(bytes.toString())],
    ["text", (bytes) => bytes.toString()],
    ["bytes", (bytes) => bytes],
  ])("is taken as %s from request.body", async (_, parse) => {
    for (const wrap of [undefined, mounted]) {
      const url = await serveBehind(parse, wrap);
      expect(await (await ask(url)).json()).toMatchObject({ choices: [{ message: { content: "Hello there." } }] });
      expect(await (await ask(url, { ...hi, n: 0 })).json()).toMatchObject({ error: { param: "n" } });
      expect((await ask(url, hi, "text/plain")).status).toBe(415);
    }
  });

  test.each<[string, ((bytes: Buffer) => unknown) | undefined]>([
    ["nowhere", undefined],
    ["as an empty object", () => ({})],
    ["as nothing", () => null],
  ])("and is %s is said to whoever put it together", async (_, parse) => {
    const url = await serveBehind(parse);
    const response = await ask(url);
    expect(response.status).toBe(500);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(
      /read before .* express\.json\(\)/,
    );
    expect(errors.splice(0)).toMatchObject([{ message: expect.stringContaining("express.json()") }]);
  });

  test("by a fetch handler is said too", async () => {
    const request = new Request("http://localhost/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(hi),
    });
    await request.json();
    expect((await (await handlerOf()).fetch(request)).status).toBe(500);
    expect(errors.splice(0)).toHaveLength(1);
  });

  test("what a parser left alone is read here, and an empty body stays no JSON", async () => {
    const listener = getRequestListener((await handlerOf()).fetch as (request: Request) => Promise<Response>, {
      overrideGlobalObjects: false,
    });
    const server = createServer((incoming, outgoing) => void listener(Object.assign(incoming, { body: {} }), outgoing));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await ask(url)).status).toBe(200);
    expect(
      (await fetch(`${url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" } }))
        .status,
    ).toBe(400);
  });
});

test("a client that leaves before its body is there counts as gone, and leaves its place", async () => {
  const handler = await handlerOf();
  const fetch = vi.spyOn(handler, "fetch");
  const { port, close } = await listen(handler, { port: 0 });
  for (let count = 0; count < 3; count++) {
    const socket = connect(port, "127.0.0.1");
    socket.write(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    await until(() => fetch.mock.calls.length === count + 1);
    socket.destroy();
  }
  const metrics = async () => (await handler.fetch(new Request("http://localhost/metrics"))).text();
  await expect.poll(metrics).toContain('caduceus_errors_total{code="client_closed_request"} 3');
  await close();
});

describe("places of arriving bodies", () => {
  const places = (limits: Partial<ConstructorParameters<typeof PendingBodies>[0]> = {}, stalledMs = 1e6) => {
    const pending = new PendingBodies(
      { maxPendingBodies: 100, maxPendingBodiesPerAddress: 2, maxPendingBytes: 1000, ...limits },
      stalledMs,
    );
    /** With what it was told when it had to end. */
    const enter = (address: string | undefined) => {
      const given: { body: PendingBody; error?: ApiError } = {
        body: pending.enter(address, (error) => (given.error = error)),
      };
      return given;
    };
    return { pending, enter };
  };

  test.each([
    ["10.0.0.1", "::ffff:10.0.0.1"],
    ["2001:db8:0:7::1", "2001:DB8::7:ffff:ffff:ffff:ffff"],
    ["fe80::1%eth0", "fe80::2"],
    ["::1", "::2"],
    ["2001:db8::", "2001:0db8:0000:0000::5"],
  ])("%s and %s are one client", (one, other) => {
    const { pending, enter } = places();
    enter(one);
    enter(one);
    expect(() => enter(other)).toThrow(
      expect.objectContaining({ status: 429, code: "rate_limit_exceeded", headers: { "retry-after": "1" } }),
    );
  });

  test.each([
    ["10.0.0.1", "10.0.0.2"],
    ["2001:db8:0:7::1", "2001:db8:0:8::1"],
    ["::1", "127.0.0.1"],
    [undefined, undefined],
  ])("%s and %s are two", (one, other) => {
    const { pending, enter } = places();
    enter(one);
    enter(one);
    enter(other);
    expect(pending.count).toBe(3);
  });

  test("all addresses together have a limit too, and who leaves makes room, once", () => {
    const { pending, enter } = places({ maxPendingBodies: 2 });
    const first = enter("10.0.0.1");
    enter("10.0.0.2");
    expect(() => enter("10.0.0.3")).toThrow("2 bodies are arriving already");
    first.body.leave();
    first.body.leave();
    enter("10.0.0.3");
    expect(() => enter("10.0.0.4")).toThrow("2 bodies are arriving already");
  });

  test("a body that has stalled gives its place to the next; the one that moved stays", async () => {
    const { pending, enter } = places({}, 30);
    const stalled = enter("10.0.0.1");
    const moving = enter("10.0.0.1");
    await new Promise((resolve) => setTimeout(resolve, 40));
    moving.body.received(1);
    enter("10.0.0.1");
    expect(stalled.error).toMatchObject({ status: 408, code: "request_timeout" });
    expect(pending.count).toBe(2);
    expect(moving.error).toBeUndefined();
  });

  test("beyond the limit of memory whoever holds most loses its longest idle body, itself if need be", () => {
    const { pending, enter } = places({ maxPendingBodiesPerAddress: 9 });
    const modest = enter("10.0.0.1");
    modest.body.received(400);
    const greedy = [enter("10.0.0.2"), enter("10.0.0.2")];
    greedy[0]!.body.received(300);
    greedy[1]!.body.received(299);
    expect(pending.bytes).toBe(999);
    modest.body.received(2);
    expect(greedy[0]!.error).toMatchObject({ status: 429 });
    expect(pending.bytes).toBe(701);
    modest.body.received(300);
    expect(modest.error).toMatchObject({ status: 429 });
    expect([pending.bytes, pending.count]).toEqual([299, 1]);
  });
});

describe("the page below a path without its slash", () => {
  const at = async (env: object) => (await handlerOf()).fetch(new Request("http://localhost/"), env);
  test.each([
    [{ url: "/", originalUrl: "/ai" }, "./ai/"],
    [{ url: "/ai" }, "./ai/"],
    [{ url: "/", originalUrl: "/a/b%20c?x=1" }, "./b%20c/?x=1"],
    [{ url: "/", originalUrl: "/a:b" }, "./a:b/"],
  ])("of %j leads to %s", async (incoming, target) => {
    const response = await at({ incoming });
    expect([response.status, response.headers.get("location")]).toEqual([308, target]);
  });

  test.each([
    {},
    { incoming: { url: "/" } },
    { incoming: { url: "/", originalUrl: "/ai/" } },
    { incoming: { url: "/ai/?x" } },
    { incoming: { url: "http://localhost" } },
  ])("of %j is answered", async (env) => {
    expect((await at(env)).status).not.toBe(308);
  });

  test("is what a browser follows, mounted in an application of Hono's", async () => {
    const app = new Hono().mount("/ai", (await handlerOf()).fetch);
    const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ai`);
    expect(new URL(response.url).pathname).toBe("/ai/");
  });
});
