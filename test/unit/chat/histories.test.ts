// Conversations as other providers and their clients write them: what is read of them, and what the model is given.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message, ReplyEvent } from "../../../src/index.js";
import { linkResults } from "../../../src/format/answered_calls.js";
import { readMessages, toMessage } from "../../../src/format/messages.js";
import type { PlainMessage } from "../../../src/format/plain_message.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const user = { role: "user", content: "Hi" } as const;
const call = (name: string, args: unknown = "{}", id?: string | null) => ({
  ...(id === undefined ? {} : { id }),
  type: "function",
  function: { name, arguments: args },
});
const calls = (...list: object[]) => ({ role: "assistant", tool_calls: list });
const result = (content: string, fields: object = {}) => ({ role: "tool", content, ...fields });
const read = (...messages: unknown[]) => readMessages(messages);

async function ask(messages: unknown[]) {
  const { model, engine } = await scriptedModel({ answer: () => "ok" });
  const events: ReplyEvent[] = [];
  for await (const event of model.reply(messages as Message[])) events.push(event);
  return { events, prompt: engine.text(engine.tokens(engine.requests[0]!.prompt), true) };
}

describe("arguments", () => {
  test.each<[unknown, string]>([
    ["", "{}"],
    [" \n", "{}"],
    [undefined, "{}"],
    [null, "{}"],
    [{}, "{}"],
    [{ a: 1, b: ["x"] }, '{"a":1,"b":["x"]}'],
    ['{"a": 1}', '{"a": 1}'],
  ])("%j is read as %s", (given, text) => {
    expect(read(user, calls(call("f", given, "a")))[1]!.toolCalls).toEqual([{ id: "a", name: "f", arguments: text }]);
  });

  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  test.each([["{"], ["no"], [5], [[1]], [true], [cycle], [{ a: 1n }], [{ toJSON: () => undefined }]])(
    "%# is refused, by the place of the call",
    (given) => {
      expect(() => read(user, calls(call("f", "{}", "a"), call("g", given, "b")))).toThrow(
        /messages\[1\]\.tool_calls\[1\]\.function\.arguments/,
      );
    },
  );
});

test.each([[null], [undefined]])("content %j is no text in all messages but the user's", (content) => {
  expect(
    read(
      { role: "system", content },
      user,
      { role: "assistant", content },
      user,
      calls(call("f", "", "a")),
      result("", { content, tool_call_id: "a" }),
    ).map((message) => message.content),
  ).toEqual(["", "Hi", "", "Hi", "", ""]);
  expect(() => read({ role: "user", content })).toThrow(/messages\[0\]\.content/);
});

test("fields that nobody knows are passed over", () => {
  const extra = {
    refusal: null,
    audio: null,
    annotations: [],
    function_call: null,
    weight: 0,
    name: "Bob",
  };
  expect(read({ ...user, ...extra }, { role: "assistant", content: "Yes?", tool_calls: null, ...extra })).toEqual([
    user,
    { role: "assistant", content: "Yes?" },
  ]);
});

test("reasoning is kept with the assistant's message, and passed over elsewhere", () => {
  const thought = { reasoning_content: "Hm." };
  expect(
    read(
      { ...user, ...thought },
      { role: "assistant", content: "Yes?", ...thought },
      { ...user, reasoning_content: 5 },
    ),
  ).toEqual([user, { role: "assistant", content: "Yes?", reasoning: "Hm." }, user]);
  expect(read(user, { role: "assistant", content: "Yes?", reasoning_content: null })[1]).not.toHaveProperty(
    "reasoning",
  );
  expect(() => read(user, { role: "assistant", content: "Yes?", reasoning_content: 5 })).toThrow(
    /messages\[1\]\.reasoning_content/,
  );
});

describe("results", () => {
  /** Each result's content, by the call that it was taken to answer. */
  const answered = (...messages: unknown[]) => {
    const plain = read(user, ...messages);
    const names = new Map(plain.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name] as const)));
    return plain
      .filter(({ role }) => role === "tool")
      .map(({ content, toolCallId }) => `${toolCallId === undefined ? "nobody" : names.get(toolCallId)}: ${content}`);
  };

  test.each<[string, unknown[], string[]]>([
    ["without ids go by their order", [calls(call("f"), call("g")), result("1"), result("2")], ["f: 1", "g: 2"]],
    [
      "with empty ids too",
      [
        calls(call("f", "{}", ""), call("g", "{}", null)),
        result("1", { tool_call_id: "" }),
        result("2", { tool_call_id: null }),
      ],
      ["f: 1", "g: 2"],
    ],
    [
      "with names go by those",
      [
        calls(call("f"), call("g"), call("f")),
        result("1", { name: "f" }),
        result("2", { name: "f" }),
        result("3", { name: "g" }),
      ],
      ["f: 1", "f: 2", "g: 3"],
    ],
    [
      "without ids get what those with ids leave",
      [calls(call("f", "{}", "a"), call("g", "{}", "b")), result("1"), result("2", { tool_call_id: "a" })],
      ["g: 1", "f: 2"],
    ],
    [
      "with an id that two calls have go by their order",
      [
        calls(call("f", "{}", "a"), call("g", "{}", "a")),
        result("1", { tool_call_id: "a" }),
        result("2", { tool_call_id: "a" }),
      ],
      ["f: 1", "g: 2"],
    ],
    [
      "of a name that nothing called answer nobody",
      [calls(call("f")), result("1", { name: "h" }), result("2")],
      ["nobody: 1", "f: 2"],
    ],
    ["beyond the calls answer nobody", [calls(call("f")), result("1"), result("2")], ["f: 1", "nobody: 2"]],
    ["answer the last turn's calls", [calls(call("f")), result("1"), calls(call("g")), result("2")], ["f: 1", "g: 2"]],
  ])("%s", (_, messages, expected) => {
    expect(answered(...messages)).toEqual(expected);
  });

  test("of an id that no call has are refused", () => {
    expect(() => read(user, calls(call("f")), result("1", { tool_call_id: "x" }))).toThrow(
      /messages\[2\]\.tool_call_id/,
    );
  });

  test("reach the model under the names of their calls", async () => {
    const { prompt } = await ask([user, calls(call("f"), call("g")), result("1"), result("2")]);
    expect(prompt).toMatch(/"name": "f", "content": 1\}[^]*"name": "g", "content": 2\}/);
  });

  test("come together across the turns of a chat", async () => {
    const { model, engine } = await scriptedModel({ answer: () => "ok" });
    const chat = model.chat({ messages: [user, calls(call("f"), call("g"))] as Message[] });
    await chat.send([result("1")] as Message[]);
    expect(engine.text(engine.tokens(engine.requests[0]!.prompt), true)).toContain('"name": "f", "content": 1}');
    expect(chat.messages[2]).toEqual({ role: "tool", content: "1", tool_call_id: "call_0" });
  });

  test("ids are unique within a turn, those given first stay, reading again changes nothing, and 20,000 of each take no long time", () => {
    const id = fc.constantFrom(undefined, "a", "b", "call_0", "call_1");
    const message = fc.oneof(
      fc
        .array(fc.record({ id, name: fc.constantFrom("f", "g"), arguments: fc.constant("{}") }), {
          minLength: 1,
          maxLength: 4,
        })
        .map((toolCalls) => ({ role: "assistant", content: "", toolCalls })),
      fc.record({
        role: fc.constant("tool"),
        content: fc.constant(""),
        toolCallId: id,
        name: fc.constantFrom(undefined, "f"),
      }),
    );
    const link = (messages: readonly PlainMessage[]) =>
      linkResults(messages, [], (): never => {
        throw new Error("refused");
      });
    fc.assert(
      fc.property(fc.array(message), (given) => {
        let linked: PlainMessage[];
        try {
          linked = link(given as PlainMessage[]);
        } catch {
          return;
        }
        for (const [index, { toolCalls = [] }] of linked.entries()) {
          expect(new Set(toolCalls.map((one) => one.id)).size).toBe(toolCalls.length);
          expect(toolCalls[0]?.id).toBe((given[index] as PlainMessage).toolCalls?.[0]?.id ?? toolCalls[0]?.id);
        }
        expect(link(linked)).toEqual(linked);
      }),
      { numRuns: 500 },
    );
    const many = Array.from({ length: 20_000 }, (_, index) => index);
    const long = [user, calls(...many.map(() => call("f"))), ...many.map((index) => result(String(index)))];
    const start = cpuMs();
    expect(readMessages(long).at(-1)).toMatchObject({ toolCallId: "call_19999" });
    expect(cpuMs() - start).toBeLessThan(5_000);
  });
});

describe("system messages", () => {
  const system = (content: string, role = "system") => ({ role, content });
  const begins = (prompt: string) => /^<\|im_start\|>system\n([^]*?)<\|im_end\|>/.exec(prompt)?.[1];

  test("one at the beginning is no news, by either name", async () => {
    for (const role of ["system", "developer"]) {
      const { prompt, events } = await ask([system("Be brief.", role), user]);
      expect(begins(prompt)).toBe("Be brief.");
      expect(events.map(({ type }) => type)).not.toContain("warning");
    }
  });

  test.each<[string, object[], string]>([
    ["several", [system("A"), system("B", "developer"), user], "A\n\nB"],
    ["late", [user, { role: "assistant", content: "Yes?" }, system("A"), user], "A"],
    ["several, late and empty", [system(""), system("A"), user, system(""), system("B"), user], "A\n\nB"],
  ])("%s become one at the beginning, and an event says so first", async (_, messages, content) => {
    const { prompt, events } = await ask(messages);
    expect(begins(prompt)).toBe(content);
    expect(prompt.match(/<\|im_start\|>system/g)).toHaveLength(1);
    expect(events[0]).toMatchObject({
      type: "warning",
      code: "system-messages-joined",
      message: expect.stringContaining("beginning"),
    });
    expect(events.filter(({ type }) => type === "warning")).toHaveLength(1);
  });

  test("stay where they are if the model's template writes them there, and else become one", async () => {
    const all = [system("A"), system("B"), user, { role: "assistant", content: "Yes?" }, system("C"), user];
    const turns = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    const refusing = `{% for m in messages[1:] %}{% if m.role == 'system' %}{{ raise_exception('No.') }}{% endif %}{% endfor %}${turns}`;
    const dropping =
      "{% for m in messages %}{% if loop.first or m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endif %}{% endfor %}";
    for (const [chatTemplate, expected, warnings] of [
      [turns, "<system>A<system>B<user>Hi<assistant>Yes?<system>C<user>Hi", 0],
      [refusing, "<system>A\n\nB\n\nC<user>Hi<assistant>Yes?<user>Hi", 1],
      [dropping, "<system>A\n\nB\n\nC<user>Hi<assistant>Yes?<user>Hi", 1],
    ] as const) {
      const { model } = await scriptedModel({ chatTemplate, answer: () => "ok" });
      const { prompts } = await model.explain(all as Message[]);
      expect(prompts[0]!.text).toBe(expected);
      const seen: string[] = [];
      for await (const event of model.reply(all as Message[])) seen.push(event.type);
      expect(seen.filter((type) => type === "warning")).toHaveLength(warnings);
    }
  });

  test("one said later in a chat changes its beginning, and is no part of it where the turn fails", async () => {
    const { model, engine } = await scriptedModel({ answer: () => "ok" });
    const chat = model.chat({ system: "A" });
    await chat.send("Hi");
    const aborted = new AbortController();
    const failing = chat.send([system("B"), user] as Message[], { signal: aborted.signal });
    aborted.abort();
    await expect(Promise.resolve(failing)).rejects.toThrow();
    expect(chat.messages[0]).toEqual(system("A"));
    await chat.send([system("B"), user] as Message[]);
    expect(chat.messages[0]).toEqual(system("A\n\nB"));
    expect(engine.requests.at(-1)).toMatchObject({ after: undefined });
    await chat.send("And?");
    expect(engine.requests.at(-1)!.after).toBeDefined();
  });
});

test("what was read is written back in the form that callers know", () => {
  expect(read(system(), user, calls(call("f", { a: 1 })), result("1")).map(toMessage)).toEqual([
    { role: "system", content: "S" },
    user,
    {
      role: "assistant",
      content: "",
      tool_calls: [{ id: "call_0", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
    },
    { role: "tool", content: "1", tool_call_id: "call_0" },
  ]);
  function system() {
    return { role: "developer", content: "S" };
  }
});
