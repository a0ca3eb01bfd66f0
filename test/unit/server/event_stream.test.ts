// Streams while there is nothing to say: when their status goes out, what keeps them alive, and what becomes of errors.
import OpenAI from "openai";
import { afterEach, expect, test, vi } from "vitest";
import { ApiError } from "../../../src/server/api_error.js";
import { AnswerStream, eventStream } from "../../../src/server/http/event_stream.js";
import { dataStream } from "../../../src/server/http/stream_forms.js";
import { ConcurrencyLimiter, type RequestContext } from "../../../src/server/request_context.js";
import { createHandler, listen } from "../../../src/server/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

afterEach(() => vi.useRealTimers());

/** Chunks that come when they are told to. */
function script() {
  class Step {
    give!: (chunk?: object) => void;
    fail!: (error: Error) => void;
    readonly promise = new Promise<object | undefined>((resolve, reject) =>
      Object.assign(this, { give: resolve, fail: reject }),
    );
  }
  const steps: Step[] = [];
  const step = (index: number) => (steps[index] ??= new Step());
  const chunks = async function* () {
    for (let index = 0; ; index++) {
      const chunk = await step(index).promise;
      if (chunk === undefined) return;
      yield chunk;
    }
  };
  return { step, chunks: chunks() };
}

const errors: ApiError[] = [];
let requestContext: RequestContext;
function start(chunks: AsyncGenerator<object, void, undefined>, options: { readonly readerTimeoutMs?: number } = {}) {
  errors.length = 0;
  requestContext = new ConcurrencyLimiter(5).enter("req_1", new AbortController().signal, 1e6);
  return eventStream(Promise.resolve(new AnswerStream(chunks, dataStream)), dataStream, {
    requestContext,
    readerTimeoutMs: 60_000,
    statusAfterMs: 3_000,
    heartbeatMs: 10_000,
    onError: (error) => void errors.push(error),
    disconnect: undefined,
    ...options,
  });
}

/** What has come by now, and what comes next. */
function follow(response: Response) {
  const reader = response.body!.getReader();
  const got: string[] = [];
  const read = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      got.push(new TextDecoder().decode(value).trim());
    }
  })();
  return { got, read };
}

test("the status waits for the first chunk, for three seconds; then comments come at once and every ten seconds, and after each silence", async () => {
  vi.useFakeTimers();
  const { step, chunks } = script();
  let response: Response | undefined;
  const starting = start(chunks).then((given) => (response = given));
  await vi.advanceTimersByTimeAsync(2_999);
  expect(response).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  await starting;
  expect(response!.status).toBe(200);
  const { got, read } = follow(response!);
  await vi.advanceTimersByTimeAsync(1);
  expect(got).toEqual([": waiting"]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(got).toEqual([": waiting", ": waiting", ": waiting"]);
  step(0).give({ a: 1 });
  await vi.advanceTimersByTimeAsync(9_000);
  expect(got.slice(3)).toEqual(['data: {"a":1}']);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(got.slice(4)).toEqual([": waiting"]);
  step(1).give({ b: 2 });
  step(2).give();
  await vi.advanceTimersByTimeAsync(0);
  await read;
  expect(got.slice(5)).toEqual(['data: {"b":2}', "data: [DONE]"]);
});

test("a stream that has something to say has no comments", async () => {
  const { step, chunks } = script();
  step(0).give({ a: 1 });
  step(1).give();
  expect(await (await start(chunks)).text()).toBe('data: {"a":1}\n\ndata: [DONE]\n\n');
});

test("what fails before the status went out is thrown, what fails later is an event", async () => {
  vi.useFakeTimers();
  const early = script();
  const refused = expect(start(early.chunks)).rejects.toThrow("full");
  early.step(0).fail(new ApiError(429, "rate_limit_exceeded", "full"));
  await refused;
  expect(errors).toEqual([]);

  const late = script();
  const starting = start(late.chunks);
  await vi.advanceTimersByTimeAsync(3_000);
  const { got, read } = follow(await starting);
  await vi.advanceTimersByTimeAsync(1);
  late.step(0).fail(new ApiError(503, "queue_timeout", "late"));
  await vi.advanceTimersByTimeAsync(0);
  await read;
  expect(got).toEqual([
    ": waiting",
    'data: {"error":{"message":"late","type":"server_error","param":null,"code":"queue_timeout"}}',
  ]);
  expect(errors).toMatchObject([{ code: "queue_timeout" }]);
});

test("comments that nobody reads do not pile up, and end the stream as unread text does", async () => {
  vi.useFakeTimers();
  const { step, chunks } = script();
  const starting = start(chunks, { readerTimeoutMs: 30_000 });
  await vi.advanceTimersByTimeAsync(3_000);
  const reader = (await starting).body!.getReader();
  const first = reader.read();
  await vi.advanceTimersByTimeAsync(1);
  expect(new TextDecoder().decode((await first).value)).toBe(": waiting\n\n");
  await vi.advanceTimersByTimeAsync(29_000);
  expect(errors).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(errors).toMatchObject([{ code: "reader_too_slow" }]);
  step(0).fail(new Error("cancelled"));
  await expect(reader.read()).rejects.toThrow("Nothing was read");
});

test("a client that leaves while it waits ends what it waited for", async () => {
  vi.useFakeTimers();
  const { step, chunks } = script();
  const starting = start(chunks);
  await vi.advanceTimersByTimeAsync(3_000);
  const reader = (await starting).body!.getReader();
  const first = reader.read();
  await vi.advanceTimersByTimeAsync(1);
  await first;
  const leaving = reader.cancel();
  expect(requestContext.signal.aborted).toBe(true);
  step(0).fail(new Error("cancelled"));
  await leaving;
});

test("the handler's options say when: a slow model's stream begins with comments", async () => {
  const { model } = await scriptedModel({ answer: () => "ok", paceMs: 150 });
  const handler = createHandler({ models: { m: model }, statusAfterMs: 20, heartbeatMs: 40 });
  const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "Hi" }] });
  const text = await (
    await handler.fetch(
      new Request("http://localhost/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      }),
    )
  ).text();
  expect(text).toMatch(/^(: waiting\n\n)+data: /);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
});

test("over a socket the status and a comment are there while the model has said nothing", async () => {
  const { model, engine } = await scriptedModel({ answer: () => "ok", paceMs: 1_000 });
  await using server = await listen(createHandler({ models: { m: model }, statusAfterMs: 20 }), { port: 0 });
  const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "Hi" }] });
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const reader = response.body!.getReader();
  expect(response.status).toBe(200);
  expect(new TextDecoder().decode((await reader.read()).value)).toBe(": waiting\n\n");
  expect(engine.generated).toBe(0);
  await reader.cancel();
});

test("OpenAI's client reads on over the comments", async () => {
  const { model } = await scriptedModel({ answer: () => "ok", paceMs: 100 });
  const handler = createHandler({ models: { m: model }, statusAfterMs: 10, heartbeatMs: 20 });
  const client = new OpenAI({
    baseURL: "http://localhost/v1",
    apiKey: "none",
    maxRetries: 0,
    fetch: (url, init) => handler.fetch(new Request(url as string, init)),
  });
  let text = "";
  for await (const { choices } of await client.chat.completions.create({
    model: "m",
    stream: true,
    messages: [{ role: "user", content: "Hi" }],
  }))
    text += choices[0]?.delta.content ?? "";
  expect(text).toBe("ok");
});

test.each(["a chunk", "the end"])(
  "a client that leaves while %s is on its way is no failure of the server",
  async (what) => {
    const { step, chunks } = script();
    step(0).give({ a: 1 });
    const response = await start(chunks);
    const reader = response.body!.getReader();
    await reader.read();
    void reader.read();
    // The stream asks for the next chunk.
    await new Promise(setImmediate);
    const leaving = reader.cancel();
    step(1).give(what === "a chunk" ? { b: 2 } : undefined);
    await leaving;
    await new Promise(setImmediate);
    expect(errors).toEqual([]);
    expect(requestContext.cancellation?.code).toBe("client_closed_request");
  },
);
