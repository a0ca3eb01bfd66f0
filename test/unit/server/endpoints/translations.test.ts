// Each API says of one answer what the others say, whole and streamed, and of a failure in its own form.
import { describe, expect, test } from "vitest";
import type { Script } from "../../../support/engines/scripted_engine.js";
import { engine, errors, handler, open, post } from "../scripted_handler.js";

const call = (name: string, args: string) => `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
const parameters = { type: "object" };
const hermes: Script = { metadata: { "general.basename": "Hermes-2-Pro" }, constrained: true };
const answer = `<think>Hm.</think>One moment.\n${call("f", '{"a": 9007199254740993}')}\n${call("g", "{}")}`;

interface Said {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly (readonly [name: string, args: string])[];
  readonly end: string;
  readonly usage: readonly [prompt: number, generated: number];
}

/** What an API was asked, and what it says: of a whole answer, and of a stream. */
interface Api {
  readonly path: string;
  readonly body: object;
  readonly whole: (text: string) => Said;
  readonly streamed: (text: string) => Said;
}

const functions = ["f", "g"].map((name) => ({ type: "function", function: { name, parameters } }));
const messages = [{ role: "user", content: "Hi" }];
const eventsOf = (text: string): any[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)));
/** Objects as they stand in the text: the numbers of parsed ones have lost digits. */
const rawObjects = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`"${name}":(\\{[^{}]*\\})`, "g"))].map(([, raw]) => raw!);

function fromResponse(response: any): Said {
  const parts = (type: string) => response.output.filter((item: any) => item.type === type);
  return {
    text: parts("message")
      .map((item: any) => item.content[0].text)
      .join(""),
    reasoning: parts("reasoning")
      .map((item: any) => item.content[0].text)
      .join(""),
    calls: parts("function_call").map((item: any) => [item.name, item.arguments]),
    end: response.status === "incomplete" ? "length" : "end",
    usage: [response.usage.input_tokens, response.usage.output_tokens],
  };
}

const endOf = (reason: string) => (reason === "max_tokens" || reason === "length" ? "length" : "end");

const apis: Readonly<Record<string, Api>> = {
  responses: {
    path: "/v1/responses",
    body: { input: "Hi", tools: ["f", "g"].map((name) => ({ type: "function", name, parameters })) },
    whole: (text) => fromResponse(JSON.parse(text)),
    streamed: (text) => {
      const events = eventsOf(text);
      const said = fromResponse(events.at(-1).response);
      const deltas = (type: string) =>
        events
          .filter((event) => event.type === type)
          .map(({ delta }) => delta)
          .join("");
      expect(deltas("response.output_text.delta")).toBe(said.text);
      expect(deltas("response.reasoning_text.delta")).toBe(said.reasoning);
      expect(deltas("response.function_call_arguments.delta")).toBe(said.calls.map(([, args]) => args).join(""));
      return said;
    },
  },
  anthropic: {
    path: "/v1/messages",
    body: { messages, max_tokens: 500, tools: ["f", "g"].map((name) => ({ name, input_schema: parameters })) },
    whole: (text) => {
      const { content, stop_reason: reason, usage } = JSON.parse(text);
      const inputs = rawObjects(text, "input");
      const of = (type: string) => content.filter((block: any) => block.type === type);
      return {
        text: of("text")
          .map((block: any) => block.text)
          .join(""),
        reasoning: of("thinking")
          .map((block: any) => block.thinking)
          .join(""),
        calls: of("tool_use").map((block: any, index: number) => [block.name, inputs[index]!]),
        end: endOf(reason),
        usage: [usage.input_tokens + usage.cache_read_input_tokens, usage.output_tokens],
      };
    },
    streamed: (text) => {
      const events = eventsOf(text);
      const joined = (name: string) => events.map(({ delta }) => delta?.[name] ?? "").join("");
      const calls: [string, string][] = [];
      for (const { content_block: block, delta } of events) {
        if (block?.type === "tool_use") calls.push([block.name, ""]);
        if (delta?.partial_json !== undefined) calls.at(-1)![1] += delta.partial_json;
      }
      const { delta, usage } = events.at(-2);
      return {
        text: joined("text"),
        reasoning: joined("thinking"),
        calls,
        end: endOf(delta.stop_reason),
        usage: [usage.input_tokens + usage.cache_read_input_tokens, usage.output_tokens],
      };
    },
  },
  ollama: {
    path: "/api/chat",
    body: { messages, tools: functions },
    whole: (text) => fromOllama([JSON.parse(text)], text),
    streamed: (text) =>
      fromOllama(
        text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
        text,
      ),
  },
  openai: {
    path: "/v1/chat/completions",
    body: { messages, tools: functions },
    whole: (text) => {
      const { choices, usage } = JSON.parse(text);
      const { message, finish_reason: reason } = choices[0];
      return {
        text: message.content ?? "",
        reasoning: message.reasoning_content ?? "",
        calls: (message.tool_calls ?? []).map((one: any) => [one.function.name, one.function.arguments]),
        end: endOf(reason),
        usage: [usage.prompt_tokens, usage.completion_tokens],
      };
    },
    streamed: (text) => {
      const events = eventsOf(text);
      const choices = events.flatMap((event) => event.choices);
      const calls: [string, string][] = [];
      for (const { index, function: called } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
        calls[index] ??= [called.name, ""];
        calls[index][1] += called.arguments;
      }
      const joined = (name: string) => choices.map(({ delta }) => delta[name] ?? "").join("");
      const { usage } = events.at(-1);
      return {
        text: joined("content"),
        reasoning: joined("reasoning_content"),
        calls,
        end: endOf(choices.at(-1).finish_reason),
        usage: [usage.prompt_tokens, usage.completion_tokens],
      };
    },
  },
};

function fromOllama(lines: any[], text: string): Said {
  const calls = lines.flatMap(({ message }) => message.tool_calls ?? []);
  const args = rawObjects(text, "arguments");
  const { done_reason: reason, prompt_eval_count: prompt, eval_count: generated } = lines.at(-1);
  return {
    text: lines.map(({ message }) => message.content).join(""),
    reasoning: lines.map(({ message }) => message.thinking ?? "").join(""),
    calls: calls.map((one, index) => [one.function.name, args[index]!]),
    end: endOf(reason),
    usage: [prompt, generated],
  };
}

const ask = async ({ path, body }: Api, more: object) => {
  const stream = path === "/v1/chat/completions" && "stream" in more && more.stream === true;
  const response = await post(path, {
    ...body,
    ...more,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return text;
};

describe.each(Object.entries(apis))("%s", (_, api) => {
  test.each<[string, string]>([
    ["reasoning, text and calls", answer],
    ["text alone", "Hello there."],
    ["nothing", ""],
    ["a call alone", call("g", "{}")],
  ])("tells %s whole as streamed, and as every other API does", async (_name, says) => {
    await open({}, { ...hermes, answer: () => says });
    const whole = api.whole(await ask(api, { stream: false }));
    const streamed = api.streamed(await ask(api, { stream: true }));
    expect({ ...streamed, text: streamed.text.trim() }).toEqual(whole);
    const first = apis["openai"]!;
    const { usage: _usage, ...others } = first.whole(await ask(first, {}));
    expect(whole).toMatchObject(others);
    expect(whole.usage[1]).toBeGreaterThanOrEqual(says.length);
  });

  test("tells of an end by the limit", async () => {
    await open({}, { ...hermes, answer: () => "Hello there." });
    const limit =
      api.path === "/v1/responses"
        ? { max_output_tokens: 5 }
        : api.path === "/api/chat"
          ? { options: { num_predict: 5 } }
          : { max_tokens: 5 };
    for (const stream of [false, true]) {
      const said = (stream ? api.streamed : api.whole)(await ask(api, { stream, ...limit }));
      expect(said).toMatchObject({ text: "Hello", end: "length" });
      expect(said.usage[1]).toBe(5);
    }
  });

  test("tells of a failure in a stream in its own form, once, and the owner of its cause", async () => {
    await open({}, { failAfter: { tokens: 2, error: new Error("secret detail") } });
    const text = await ask({ ...api, body: { ...api.body, tools: [] } }, { stream: true });
    expect(text).not.toContain("secret");
    const last = text.trimEnd().split("\n").at(-1)!;
    const error = JSON.parse(last.replace(/^data: /, ""));
    if (api.path === "/api/chat") expect(error).toEqual({ error: "The server failed to answer this request." });
    else if (api.path === "/v1/messages") expect(error).toMatchObject({ type: "error", error: { type: "api_error" } });
    else if (api.path === "/v1/responses") {
      expect(error).toMatchObject({
        type: "response.failed",
        response: { status: "failed", error: { code: "server_error" } },
      });
      expect(eventsOf(text).at(-2)).toMatchObject({ type: "error", code: "server_error" });
      expect(eventsOf(text).map(({ sequence_number: number }) => number)).toEqual(
        eventsOf(text).map((_event, index) => index),
      );
      const { id } = error.response;
      expect((await handler.fetch(new Request(`http://localhost/v1/responses/${id}`))).status).toBe(404);
    } else expect(error).toMatchObject({ error: { code: "server_error" } });
    expect(errors.splice(0)).toMatchObject([{ message: "secret detail" }]);
  });

  test("sends what keeps a stream open while there is nothing to say, and its clients read on", async () => {
    await open({ statusAfterMs: 1, heartbeatMs: 5 }, { ...hermes, answer: () => "Hi.", paceMs: 30 });
    const text = await ask(api, { stream: true });
    const beat = { "/v1/messages": "event: ping\ndata: ", "/api/chat": " {" }[api.path] ?? ": waiting\n\n";
    expect(text).toContain(beat);
    expect(api.streamed(text).text).toBe("Hi.");
  });

  test("a reader that pauses pauses its generation", async () => {
    await open({}, { answer: () => "x".repeat(10_000), bufferSize: 8 });
    const reader = (await post(api.path, { ...api.body, tools: [], stream: true })).body!.getReader();
    for (let chunk = 0; chunk < 8; chunk++) await reader.read();
    await expect.poll(() => engine.stats().paused).toBe(1);
    expect(engine.generated).toBeLessThan(40);
    await reader.cancel();
  });

  test("a reader that leaves ends its generation", async () => {
    await open({}, { answer: () => "x".repeat(10_000), bufferSize: 8 });
    const reader = (await post(api.path, { ...api.body, tools: [], stream: true })).body!.getReader();
    await reader.read();
    await reader.cancel();
    expect(engine.live.size).toBe(0);
    expect(engine.generated).toBeLessThan(40);
  });
});

test("Ollama's clients may leave out the type of a body, as curl and litellm do; those of the others may not", async () => {
  for (const type of ["", "application/x-www-form-urlencoded"])
    for (const { path, body } of Object.values(apis)) {
      const { status } = await post(path, { ...body, tools: [], stream: false }, { "content-type": type });
      expect([path, status]).toEqual([path, path === "/api/chat" ? 200 : 415]);
    }
});

test("reasoning is a wish where clients always ask for it: a model without thoughts answers, and one with them obeys", async () => {
  const asked: [string, object, object][] = [
    ["/v1/responses", { input: "Hi", reasoning: { effort: "high" } }, { input: "Hi", reasoning: { effort: "none" } }],
    [
      "/v1/messages",
      { messages, max_tokens: 99, thinking: { type: "enabled", budget_tokens: 7 } },
      { messages, max_tokens: 99, thinking: { type: "disabled" } },
    ],
  ];
  const chatTemplate = "{{ enable_thinking }}{{ messages[0].content }}<think>";
  for (const [path, on, off] of asked) {
    await open({}, { answer: () => "Yes.", constrained: true });
    for (const body of [on, off]) expect((await post(path, body)).status).toBe(200);
    await open({}, { answer: () => "Hm.</think>Yes.", constrained: true, chatTemplate });
    for (const body of [on, off]) expect((await post(path, body)).status).toBe(200);
    const [thinking, silent] = engine.requests.map(({ thought }) => thought);
    expect(thinking).toMatchObject(path === "/v1/messages" ? { open: true, maxTokens: 7 } : { open: true });
    expect(silent).toBeUndefined();
  }
});

test("reasoning is a summary of a response whose request asks for one, and goes back into the prompt with its item", async () => {
  const chatTemplate = "{% for m in messages %}{{ m.reasoning_content }}|{{ m.content }}{% endfor %}<think>";
  await open({}, { answer: () => "Hm.</think>Yes.", constrained: true, chatTemplate });
  for (const reasoning of [{}, { summary: "auto" }]) {
    const response = (await (await post("/v1/responses", { input: "Hi", reasoning })).json()) as any;
    const [thought] = response.output;
    expect(thought).toMatchObject(
      "summary" in reasoning
        ? { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] }
        : { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] },
    );
    expect(response.usage.output_tokens_details.reasoning_tokens).toBe(3);
    await post("/v1/responses", {
      input: [{ role: "user", content: "Hi" }, ...response.output, { role: "user", content: "So?" }],
    });
    const texts = engine.requests.at(-1)!.prompt.map((part) => ("text" in part ? part.text : ""));
    expect(texts.filter((text) => text !== "")).toEqual(["HiHm.", "Yes.", "So?"]);
  }
});
