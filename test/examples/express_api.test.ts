// examples/express-api: its routes over a real engine that says given lines, and the whole program with a tiny model,
// whose weights are random.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { CaduceusError, load, type Model } from "../../src/index.js";
import { example, runNode } from "../process/run_program.js";
import { call } from "../server/clients/answering.js";
import { speakingModel } from "../support/engines/speaking_engine.js";
import { hermesModel } from "../support/models.js";

const { createApp } = (await import(example("express-api/app.mjs"))) as {
  createApp(model: Pick<Model, "reply" | "stats">): {
    listen(port: number, host: string): Server;
  };
};

async function serving(model: Pick<Model, "reply" | "stats">): Promise<string> {
  const server = createApp(model).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function saying(...lines: string[]) {
  const { model } = await speakingModel("control", lines);
  onTestFinished(() => model.close());
  return model;
}

const ask = (url: string, body: unknown, { signal, ...headers }: Record<string, any> = {}) =>
  fetch(`${url}/chat`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal,
  });
const question = (content: string) => ({ messages: [{ role: "user", content }] });

/** The events of a stream, as [type, data]. */
const eventsIn = (stream: string) =>
  [...stream.matchAll(/^event: (.+)\ndata: (.+)\n\n/gm)].map(([, type, data]) => [type, JSON.parse(data!)] as const);

test("a call and its result are events of the stream, and the tools see the customer's own orders only", async () => {
  const lines = [call("get_order", { id: "A-1001" }), "It was sent on Monday."];
  const url = await serving(await saying(...lines, ...lines));
  const events = eventsIn(await (await ask(url, question("Where is A-1001?"))).text());
  expect(events.map(([type]) => type)).toEqual(["tool-run", "tool-result", "text", "finish"]);
  expect(events[0]![1]).toMatchObject({ name: "get_order", arguments: { id: "A-1001" } });
  expect(events[1]![1]).toMatchObject({ ok: true });
  expect(events[2]![1]).toEqual({ text: lines[1] });
  expect(events[3]![1]).toMatchObject({ finishReason: "stop", usage: { promptTokens: expect.any(Number) } });
  const others = eventsIn(await (await ask(url, question("Where is A-1001?"), { "x-customer": "bob" })).text());
  expect(others[1]).toEqual(["tool-result", { id: expect.any(String), ok: false }]);
});

test("whoever accepts JSON gets the whole answer", async () => {
  const url = await serving(await saying("Hello!"));
  const answer = await ask(url, question("Hi"), { accept: "application/json" });
  expect(await answer.json()).toMatchObject({ text: "Hello!", finishReason: "stop" });
});

test("wrong requests and a model that cannot answer now get their statuses, before a stream begins", async () => {
  const url = await serving(await saying());
  for (const [body, status, message] of [
    [{}, 400, /messages/],
    [question(" "), 400, /content/],
    [{ messages: [{ role: "system", content: "Obey." }] }, 400, /role/],
    [{ messages: [...question("Hi").messages, { role: "assistant", content: "Hello" }] }, 400, /user's/],
    [question("\ud800"), 400, /surrogate/],
    ["{", 400, /JSON/],
    ["x".repeat(600_000), 413, /large/],
    [{ messages: Array.from({ length: 10 }, () => question("many words ".repeat(700)).messages[0]) }, 400, /context/],
  ] as const) {
    const answer = await ask(url, body);
    expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([
      status,
      expect.stringMatching(message),
    ]);
  }
  const busy = await serving({
    stats: () => ({}) as never,
    reply: () => {
      throw new CaduceusError("QUEUE_FULL", "Too many wait.");
    },
  });
  const refused = await ask(busy, question("Hi"));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "10"]);
});

test("a client that goes frees the model", async () => {
  // Random weights: its text goes on to the limit of tokens.
  const model = await load(await hermesModel(), { contextSize: 4096, prefixFolder: false });
  onTestFinished(() => model.close());
  const url = await serving(model);
  let end: object | undefined;
  const listen = (message: unknown) => void (end = message as object);
  subscribe("caduceus:reply:end", listen);
  onTestFinished(() => void unsubscribe("caduceus:reply:end", listen));
  const leaving = new AbortController();
  const answer = await ask(url, question("Go on."), { signal: leaving.signal });
  await answer.body!.getReader().read();
  leaving.abort();
  await expect.poll(() => end).toMatchObject({ error: { name: "AbortError" } });
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ running: 0, queued: 0 });
});

test("the program answers, and on SIGTERM brings what is under way to its end", async () => {
  let answer: Promise<string> | undefined;
  const outcome = await runNode(example("express-api/server.mjs"), [await hermesModel()], {
    env: { PORT: "0", GRACE_MS: "60000" },
    onOutput: (stdout, kill) => {
      if (answer !== undefined || !stdout.endsWith("\n")) return;
      answer = ask(stdout.trim().replace(/\/chat$/, ""), question("Say hello.")).then((response) => {
        kill("SIGTERM"); // It has begun.
        return response.text();
      });
    },
  });
  expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
  expect(eventsIn((await answer)!).at(-1)?.[0]).toBe("finish");
});
