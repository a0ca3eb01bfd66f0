// What a client can send much of, and a client that has left already: answered at once, and as what it is.
import { expect, test } from "vitest";
import { createHandler } from "../../../src/server/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { until } from "../../support/time/until.js";

const errors: unknown[] = [];
async function post(body: object, signal?: AbortSignal): Promise<Response> {
  const { model } = await scriptedModel();
  const handler = createHandler({ models: { hermes: model }, onError: (error) => void errors.push(error) });
  return handler.fetch(
    new Request("http://localhost/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}
const messages = [{ role: "user", content: "Hi" }];
const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`aaaaaaa${n}`, 1]));
const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;

test.each([
  ["the request", { messages, ...names(45_000) }],
  ["response_format", { messages, response_format: { type: "text", ...names(45_000) } }],
])("45,000 unknown fields in %s are refused without comparing them", async (_, body) => {
  const began = process.cpuUsage();
  const response = await post(body);
  expect([response.status, await codeOf(response)]).toEqual([400, "invalid_value"]);
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(3000);
});

test("some unknown fields pass", async () => {
  expect((await post({ messages, ...names(100) })).status).toBe(200);
});

test("4,500 allowed tools of 4,500 are looked up, not searched for", async () => {
  const functions = Array.from({ length: 4_500 }, (_, n) => ({ type: "function", function: { name: `t${n}` } }));
  const began = process.cpuUsage();
  const response = await post({
    messages,
    tools: functions,
    tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: functions } },
  });
  expect(response.status).toBe(400);
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(5000);
});

test("a client that has left before its request is looked at is no failure of the server", async () => {
  const response = await post({ messages }, AbortSignal.abort());
  expect([response.status, await codeOf(response)]).toEqual([499, "client_closed_request"]);
  expect(errors).toEqual([]);
});

test("a handler is closed once, however often it is asked to", async () => {
  const { model, engine } = await scriptedModel({ answer: () => "x".repeat(5), paceMs: 20 });
  const handler = createHandler({ models: { hermes: model } });
  const answer = handler.fetch(
    new Request("http://localhost/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages }),
    }),
  );
  await until(() => engine.requests.length === 1);
  await Promise.all([handler.close({ graceMs: 10_000 }), handler.close({ graceMs: 10_000 })]);
  expect((await answer).status).toBe(200);
});
