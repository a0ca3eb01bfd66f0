// Fear: a fleet that loses what another server could do, does something twice, or stays with a server that is gone.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeAll, afterAll, expect, onTestFinished, test } from "vitest";
import { connect, load, type ConnectOptions, type Model, type Reply } from "../../src/index.js";
import { serving, type Serving } from "../server/serving.js";
import { faultyProxy, type FaultyProxy } from "../support/faulty_proxy.mjs";
import { hermesModel } from "../support/models.js";
import { expectNoUnhandledRejections } from "../support/unhandled_rejections.js";

expectNoUnhandledRejections();

interface Place {
  readonly model: Model;
  readonly server: Serving;
  readonly proxy: FaultyProxy;
}
let places: Place[];
let fleet: Model;
beforeAll(async () => {
  const path = await hermesModel();
  places = await Promise.all(
    [0, 1, 2].map(async () => {
      const model = await load(path, { contextSize: 2048, cacheTokens: 16_384, prefixFolder: false, threads: 1 });
      const server = await serving({ tiny: model });
      return { model, server, proxy: await faultyProxy(Number(new URL(server.url).port)) };
    }),
  );
});
afterEach(async () => {
  await fleet.close();
  for (const { proxy } of places) {
    proxy.set("none");
    proxy.cut();
  }
});
afterAll(async () => {
  for (const { model, server, proxy } of places) {
    await proxy.close();
    await server.close({ graceMs: 0 });
    await model.close();
  }
});

async function open(options: ConnectOptions = {}) {
  fleet = await connect(
    places.map(({ proxy }) => proxy.url),
    options,
  );
}
const written = () => places.map(({ model }) => model.stats().generatedTokens);
/** Which server generated, by its statistics. */
async function placeOf(work: () => PromiseLike<unknown>): Promise<number[]> {
  const before = written();
  await work();
  return written().flatMap((tokens, index) => (tokens > before[index]! ? [index] : []));
}
/** Reads all of a reply: its first piece, and its end. */
function read(reply: Reply) {
  let begin = () => {};
  const first = new Promise<void>((resolve) => (begin = resolve));
  const end = (async () => {
    for await (const event of reply) if (event.type === "text") begin();
    return reply;
  })();
  return { first, end };
}
const exactly = (tokens: number) => ({ maxTokens: tokens, minTokens: tokens, temperature: 0 });
const questions = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => `${name} ${index}. ${"word ".repeat(60)}`);

test("requests are divided among the servers, and each is done once", async () => {
  await open();
  const before = written();
  const replies = await Promise.all(questions(12, "Divide").map((question) => fleet.reply(question, exactly(20))));
  expect(replies.map(({ usage }) => usage.generatedTokens)).toEqual(Array(12).fill(20));
  expect(written().map((tokens, index) => tokens - before[index]!)).toEqual([80, 80, 80]);
});

test("a conversation, and what begins alike, goes where its beginning is cached", async () => {
  await open();
  const system = `You are of use. ${"Rule. ".repeat(100)}`;
  const chat = fleet.chat({ system });
  const first = await placeOf(() => chat.send("Hi", exactly(4)));
  for (const question of ["And?", "More."]) {
    let cached = 0;
    expect(await placeOf(async () => (cached = (await chat.send(question, exactly(4))).usage.cachedTokens))).toEqual(
      first,
    );
    expect(cached).toBeGreaterThan(200);
  }
  const messages = [
    { role: "system", content: system },
    { role: "user", content: "Something else" },
  ] as const;
  expect(await placeOf(() => fleet.reply(messages, exactly(4)))).toEqual(first);
  // Another scope has a cache of its own, and goes to whichever has least to do.
  const all = messages.map((message) => ({ ...message }));
  await Promise.all(Array.from({ length: 3 }, (_, n) => fleet.reply(all, { ...exactly(2), cacheScope: `s${n}` })));
});

test("a server with much more to do than the others loses what it has cached to them", async () => {
  await open();
  const question = `Same. ${"word ".repeat(100)}`;
  const [home] = await placeOf(() => fleet.reply(question, exactly(2)));
  const stopping = new AbortController();
  const begun = Array.from({ length: 9 }, () =>
    read(fleet.reply(question, { ...exactly(1800), signal: stopping.signal })),
  );
  await Promise.all(begun.map(({ first }) => first));
  const running = places.map(({ model }) => model.stats().running);
  stopping.abort();
  await Promise.allSettled(begun.map(({ end }) => end));
  // Twice 1,800 tokens and 4,096 more are let be.
  expect(running[home!]).toBeGreaterThan(2);
  expect(running.filter((count) => count > 0).length).toBe(3);
});

test.each(["refuse", "garbage"] as const)(
  "what a server fails at before it begins (%s) another does",
  async (fault) => {
    await open({ retries: 0 });
    places[1]!.proxy.set(fault);
    places[1]!.proxy.cut();
    const replies = await Promise.all(questions(9, fault).map((question) => fleet.reply(question, exactly(10))));
    expect(replies.map(({ usage }) => usage.generatedTokens)).toEqual(Array(9).fill(10));
    // It is left alone for a while.
    const { connections } = places[1]!.proxy;
    await Promise.all(questions(3, `${fault} later`).map((question) => fleet.reply(question, exactly(2))));
    expect(places[1]!.proxy.connections).toBe(connections);
  },
);

/** What the channels are told from now on, by what stands behind `caduceus:server:`. */
function told(): { readonly what: string; readonly message: Record<string, unknown> }[] {
  const all: { what: string; message: Record<string, unknown> }[] = [];
  for (const what of ["eject", "drain", "return"]) {
    const listen = (message: unknown) => void all.push({ what, message: message as Record<string, unknown> });
    subscribe(`caduceus:server:${what}`, listen);
    onTestFinished(() => void unsubscribe(`caduceus:server:${what}`, listen));
  }
  return all;
}
const states = () => fleet.stats().servers!.map(({ state }) => state);

test("a stream that breaks off fails with a code and is not repeated; the server comes back", async () => {
  await open();
  const messages = told();
  const before = written();
  const replies = questions(6, "Break").map((question) => read(fleet.reply(question, exactly(1500))));
  await Promise.all(replies.map(({ first }) => first));
  places[2]!.proxy.set("refuse");
  places[2]!.proxy.cut();
  expect(fleet.stats().servers!.map(({ requests }) => requests)).toEqual([2, 2, 2]);
  const ends = await Promise.allSettled(replies.map(({ end }) => end));
  const { url } = places[2]!.proxy;
  expect(messages).toEqual([
    {
      what: "eject",
      message: { url, error: { name: "CaduceusError", code: "UPSTREAM_FAILED" }, pauseMs: expect.any(Number) },
    },
  ]);
  expect(states()).toEqual(["up", "up", "down"]);
  expect(fleet.stats().servers![2]).toMatchObject({ url, requests: 0, outstandingTokens: 0, ejections: 1 });
  const failures = ends.flatMap((end) => (end.status === "rejected" ? [(end.reason as { code: string }).code] : []));
  expect(failures).toEqual(["UPSTREAM_FAILED", "UPSTREAM_FAILED"]);
  const after = written().map((tokens, index) => tokens - before[index]!);
  expect(after.slice(0, 2)).toEqual([3000, 3000]);
  expect(after[2]).toBeLessThan(3000);

  places[2]!.proxy.set("none");
  await expect
    .poll(
      () =>
        placeOf(() => Promise.all(questions(3, `Back ${Math.random()}`).map((one) => fleet.reply(one, exactly(2))))),
      { interval: 300 },
    )
    .toEqual([0, 1, 2]);
  expect(messages.slice(1)).toEqual([{ what: "return", message: { url, downMs: expect.any(Number) } }]);
  expect(states()).toEqual(["up", "up", "up"]);
});

test("a fleet opens with those that answer, and the others join it", async () => {
  places[0]!.proxy.set("refuse");
  const messages = told();
  await open({ retries: 0 });
  expect(messages).toMatchObject([{ what: "eject", message: { url: places[0]!.proxy.url } }]);
  expect(states()).toEqual(["down", "up", "up"]);
  expect(await placeOf(() => fleet.reply("Hi", exactly(2)))).not.toContain(0);
  places[0]!.proxy.set("none");
  await expect
    .poll(
      () =>
        placeOf(() => Promise.all(questions(3, `Join ${Math.random()}`).map((one) => fleet.reply(one, exactly(2))))),
      { interval: 300 },
    )
    .toEqual([0, 1, 2]);
});

test("without any server left, replies fail with a code, and work again when one is back", async () => {
  await open({ retries: 1 });
  for (const { proxy } of places) {
    proxy.set("refuse");
    proxy.cut();
  }
  await expect(fleet.reply("Hi", exactly(2))).rejects.toMatchObject({ code: expect.stringMatching(/^UPSTREAM_/) });
  places[1]!.proxy.set("none");
  await expect
    .poll(() =>
      fleet.reply("Hi", exactly(2)).then(
        ({ usage }) => usage.generatedTokens,
        () => 0,
      ),
    )
    .toBe(2);
});

test("a server that is told to end finishes what it has begun, and gets nothing new", async () => {
  await open();
  const messages = told();
  const question = `Long. ${"word ".repeat(100)}`;
  const { first, end } = read(fleet.reply(question, exactly(1500)));
  await first;
  const place = places.find(({ model }) => model.stats().running > 0)!;
  const closing = place.server.close({ graceMs: 60_000 });
  const before = place.model.stats().promptTokens;
  // The first of them has its beginning there.
  const asked = [question, ...questions(5, "Drain")];
  const replies = await Promise.all(asked.map((one) => fleet.reply(one, exactly(4))));
  expect(replies.map(({ usage }) => usage.generatedTokens)).toEqual(Array(6).fill(4));
  expect(place.model.stats().promptTokens).toBe(before);
  expect(messages.map(({ what, message }) => [what, message["url"]])).toEqual([["drain", place.proxy.url]]);
  expect(fleet.stats().servers!.find(({ url }) => url === place.proxy.url)).toMatchObject({
    state: "draining",
    ejections: 0,
  });
  expect((await end).usage.generatedTokens).toBe(1500);
  await closing;
});

test.each([[[]], [["http://127.0.0.1:1", "http://127.0.0.1:1/"]], [["http://127.0.0.1:1", "nothing"]]])(
  "%j is no fleet",
  async (urls) => {
    await expect(connect(urls)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  },
);
