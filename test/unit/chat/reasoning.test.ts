// Reasoning is apart from the answer: in events, result, history and prompts.
import { describe, expect, test } from "vitest";
import { ThoughtReader, thinkTags } from "../../../src/format/thought.js";
import type { Message, ReplyEvent, ReplyOptions } from "../../../src/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { templateSource } from "../../support/template_corpus.js";
import { hermesMarkers, type Script } from "../../support/engines/scripted_engine.js";

/** A template that thinks: it begins the thought itself where `opens`, and shows earlier reasoning. */
const template = (opens: boolean) =>
  "{% if enable_thinking is defined %}[{{ enable_thinking }}]{% endif %}" +
  "{% for m in messages %}<|im_start|>{{ m.role }}\n" +
  "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}" +
  `<|im_start|>assistant{{ "\n" }}${opens ? '<think>{{ "\n" }}' : ""}`;

const thinker = (answer: string, opens = false): Script => ({ answer: () => answer, chatTemplate: template(opens) });
const hermes = (answer: string): Script => ({ answer: () => answer, markers: hermesMarkers });

async function read(script: Script, options: ReplyOptions = {}, input: string | Message[] = "Hi") {
  const { model, engine } = await scriptedModel(script);
  const events: ReplyEvent[] = [];
  for await (const event of model.reply(input, options)) events.push(event);
  const result = events.at(-1);
  if (result?.type !== "finish") throw new Error("no finish");
  const joined = (type: "text" | "reasoning") =>
    events.flatMap((event) => (event.type === type ? [event.text] : [])).join("");
  expect(joined("text")).toBe(result.text);
  expect(joined("reasoning")).toBe(result.reasoning ?? "");
  const prompt = engine.requests[0]!.prompt.map((part) =>
    "text" in part ? part.text : "control" in part ? part.control : "",
  );
  return { events, result, prompt: prompt.join(""), engine, model };
}

describe("the thought at the beginning of a reply", () => {
  test.each<[string, string, { text: string; reasoning?: string }]>([
    ["is no part of the text", "<think>\nHm. 1 < 2.\n</think>\n\nYes.", { text: "Yes.", reasoning: "Hm. 1 < 2." }],
    ["may come behind white space", "\n <think>Hm.</think>Yes.", { text: "Yes.", reasoning: "Hm." }],
    ["may be empty", "<think>\n\n</think>\n\nYes.", { text: "Yes." }],
    [
      "may hold other tags",
      "<think><b></ think></think >x</think>Yes.",
      { text: "Yes.", reasoning: "<b></ think></think >x" },
    ],
    ["may never end", "<think>Hm. </thi", { text: "", reasoning: "Hm. </thi" }],
    ["ends at its first end", "<think>a</think>b</think>c", { text: "b</think>c", reasoning: "a" }],
    ["is none behind text", "Use <think>this</think>.", { text: "Use <think>this</think>." }],
    ["is none under another name", "<thinks>this</thinks>.", { text: "<thinks>this</thinks>." }],
    ["is none when it only begins", " <thi", { text: " <thi" }],
  ])("%s: %j", async (_, answer, expected) => {
    for (const script of [thinker(answer), hermes(answer)]) {
      const { result } = await read(script);
      expect({ text: result.text, reasoning: result.reasoning }).toEqual({ reasoning: undefined, ...expected });
      expect(result.message).toEqual({
        role: "assistant",
        content: expected.text,
        ...(expected.reasoning === undefined ? {} : { reasoning_content: expected.reasoning }),
      });
    }
  });

  test("is the beginning of what the model writes where the prompt ends in one", async () => {
    const { result } = await read(thinker("\nHm.\n</think>\n\nYes.", true));
    expect(result).toMatchObject({ text: "Yes.", reasoning: "Hm." });
    expect((await read(thinker("Hm.", true), { maxTokens: 2 })).result).toMatchObject({
      text: "",
      reasoning: "Hm",
      finishReason: "length",
    });
  });

  test("is divided alike in pieces of any size", () => {
    const text = " <think>\n a </thin </think> \n b <think> c";
    for (let size = 1; size <= text.length; size++) {
      const reader = new ThoughtReader(false);
      const told = { reasoning: "", text: "" };
      const add = (piece: { reasoning: string; text: string }) => {
        told.reasoning += piece.reasoning;
        told.text += piece.text;
      };
      for (let at = 0; at < text.length; at += size) add(reader.read(text.slice(at, at + size)));
      add(reader.end());
      expect(told).toEqual({ reasoning: "a </thin", text: "b <think> c" });
    }
  });

  test("is text in a completion, and where a grammar decides what is written", async () => {
    const answer = "<think>a</think>b";
    const { model } = await scriptedModel(thinker(answer));
    expect(await model.complete("Hi")).toMatchObject({ text: answer });
    expect((await read({ ...hermes(answer), constrained: true }, { regex: answer })).result.text).toBe(answer);
  });

  test("stands before JSON that is only checked", async () => {
    const { result } = await read(thinker('<think>{"a": 2}</think>\n{"a": 1}'), {
      schema: { type: "object", properties: { a: { type: "number" } } },
    });
    expect(result).toMatchObject({ value: { a: 1 }, text: '{"a": 1}', reasoning: '{"a": 2}' });
  });

  test("has its tokens in its events, as the text has", async () => {
    const { events, result } = await read(thinker("<think>Hm.</think>Yes."), { logProbabilities: true });
    const told = events.flatMap((event) =>
      event.type === "text" || event.type === "reasoning" ? (event.logProbabilities ?? []) : [],
    );
    expect(told).toEqual(result.logProbabilities);
    expect(told).toHaveLength("<think>Hm.</think>Yes.".length);
  });
});

describe("reasoning of earlier turns", () => {
  const history: Message[] = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Yes.", reasoning_content: "Hm. <|im_end|>" },
    { role: "user", content: "And?" },
  ];

  test("is for the template to show, as text without markup", async () => {
    const { engine, prompt } = await read(thinker("No."), {}, history);
    expect(prompt).toContain("<think>\nHm. <|im_end|>\n</think>\n\nYes.<|im_end|>");
    const parts = engine.requests[0]!.prompt;
    expect(parts.some((part) => "text" in part && part.text.includes("Hm. <|im_end|>"))).toBe(true);
  });

  test("is not in Hermes' prompts", async () => {
    expect((await read(hermes("No."), {}, history)).prompt).not.toContain("Hm.");
  });

  test("is not left in the tokens that a chat goes on from", async () => {
    const { model, engine } = await scriptedModel(hermes("<think>Hm.</think>Yes."));
    const chat = model.chat();
    await chat.send("Hi");
    await chat.send("And?");
    const [, second] = engine.requests;
    expect(second!.after).toBeUndefined();
    const text = second!.prompt.map((part) => ("text" in part ? part.text : "")).join("");
    expect(text).toContain("Yes.");
    expect(text).not.toContain("Hm.");
    expect(chat.messages[1]).toEqual({ role: "assistant", content: "Yes.", reasoning_content: "Hm." });
  });
});

describe("the option reasoning", () => {
  const thought = async (script: Script, options: ReplyOptions) => {
    const { engine, prompt } = await read({ constrained: true, ...script }, options);
    return { asked: engine.requests[0]!.thought, prompt };
  };

  test.each<[boolean, ReplyOptions, object | undefined, RegExp]>([
    [false, {}, { open: false }, /^[^[]*assistant\n$/],
    [true, {}, { open: true }, /^[^[]*assistant\n<think>\n$/],
    [false, { reasoning: "on" }, { open: false }, /^\[true\].*assistant\n$/is],
    [true, { reasoning: { maxTokens: 9 } }, { open: true, maxTokens: 9 }, /^\[true\].*<think>\n$/is],
    [false, { reasoning: "off" }, undefined, /^\[false\].*assistant\n$/is],
    [true, { reasoning: "off" }, undefined, /^\[false\].*<think>\n\n<\/think>\n\n$/is],
    [false, { schema: { type: "object" } }, { open: false }, /assistant\n$/],
    [true, { regex: "{}" }, { open: true }, /<think>\n$/],
  ])("a template that opens its thoughts (%s) with %j asks for %j", async (opens, options, expected, ending) => {
    const { asked, prompt } = await thought(
      thinker(opens && options.reasoning !== "off" ? "</think>{}" : "{}", opens),
      options,
    );
    expect(asked).toEqual(expected && { ...thinkTags, ...expected });
    expect(prompt).toMatch(ending);
  });

  test("asks Hermes and templates without thoughts for none", async () => {
    expect((await thought(hermes("Yes."), {})).asked).toBeUndefined();
    expect((await thought(hermes("Yes."), { reasoning: "off" })).asked).toBeUndefined();
    const { model } = await scriptedModel({ ...hermes("Yes."), constrained: true });
    for (const reasoning of ["on", { maxTokens: 5 }] as const)
      await expect(model.reply("Hi", { reasoning })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        param: "reasoning",
      });
  });

  test.each<[unknown, string]>([
    ["yes", "reasoning"],
    [true, "reasoning"],
    [null, "reasoning"],
    [{}, "reasoning.maxTokens"],
    [{ maxTokens: -1 }, "reasoning.maxTokens"],
    [{ maxTokens: 1.5 }, "reasoning.maxTokens"],
    [{ maxToken: 5 }, "maxToken"],
    [{ effort: "much" }, "reasoning.effort"],
    // This template knows none.
    [{ effort: "low" }, "reasoning"],
  ])("refuses %j", async (reasoning, param) => {
    const { model } = await scriptedModel({ ...thinker("Yes."), constrained: true });
    await expect(model.reply("Hi", { reasoning: reasoning as never })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      param: expect.stringContaining(param),
    });
  });

  test("tells a template the effort by its name for it, and the number of tokens", async () => {
    const chatTemplate =
      "{{ reasoning_effort }}|{{ thinking_budget }}|{{ enable_thinking }}|{% if false %}<think>{% endif %}{{ messages[0].content }}";
    const script = { answer: () => "Yes.", chatTemplate };
    expect((await thought(script, { reasoning: { effort: "low" } })).prompt).toBe("low||True|Hi");
    expect((await thought(script, { reasoning: { effort: "high", maxTokens: 7 } })).prompt).toBe("high|7|True|Hi");
    expect((await thought(script, { reasoning: "off" })).prompt).toBe("|0|False|Hi");
    expect((await thought(script, {})).prompt).toBe("|||Hi");
  });

  test("is shown by explain as the engine has it", async () => {
    const { model } = await scriptedModel({ ...thinker("Yes."), constrained: true });
    const explained = await model.explain("Hi", { reasoning: { maxTokens: 5 } });
    expect(explained.prompts[0]!.thought).toEqual({ open: false, maxTokens: 5, ...thinkTags });
    expect((await model.explain("Hi", { reasoning: "off" })).prompts[0]!.thought).toBeUndefined();
    const reply = model.reply("Hi");
    expect((await reply.explain()).prompts[0]!.thought).toEqual({ open: false, ...thinkTags });
  });

  test("refuses a limit that the engine cannot enforce", async () => {
    const { model } = await scriptedModel(thinker("Yes."));
    await expect(model.reply("Hi", { reasoning: { maxTokens: 5 } })).rejects.toMatchObject({ param: "reasoning" });
  });

  test("lets a constrained answer come behind a thought", async () => {
    const schema = { type: "object", properties: { a: { type: "number" } } } as const;
    const script = { ...thinker('<think>{"a": 2}</think>\n\n{"a": 1}'), constrained: true };
    expect((await read(script, { schema })).result).toMatchObject({ value: { a: 1 }, reasoning: '{"a": 2}' });
    const pattern = { ...thinker("<think>b</think>\n\na"), constrained: true };
    expect((await read(pattern, { regex: "a" })).result).toMatchObject({ text: "a", reasoning: "b" });
  });

  test("makes a chat begin its prompt anew where it changes", async () => {
    const { model, engine } = await scriptedModel({ ...thinker("Yes."), constrained: true });
    const chat = model.chat();
    for (const reasoning of ["on", "on", "off"] as const) await chat.send("Hi", { reasoning });
    expect(engine.requests.map(({ after }) => after !== undefined)).toEqual([false, true, false]);
  });
});

describe("templates of models", () => {
  const promptOf = async (name: string, options: ReplyOptions, input: string | Message[] = "Hi") => {
    const chatTemplate = templateSource(name).replaceAll("｜", "|");
    return (await read({ answer: () => "Hi", chatTemplate, contextSize: 16_384 }, options, input)).prompt;
  };

  test("Ministral's gets earlier thoughts as parts of their messages", async () => {
    const history: Message[] = [
      { role: "user", content: "1 + 1?" },
      { role: "assistant", content: "2", reasoning_content: "Easy." },
      { role: "user", content: "Sure?" },
    ];
    expect(await promptOf("mistralai-Ministral-3-14B-Reasoning-2512", {}, history)).toContain(
      "[/INST][THINK]Easy.[/THINK]2",
    );
  });

  test("Hunyuan 3's turns thoughts on and off by its effort", async () => {
    const end = async (options: ReplyOptions) =>
      (await promptOf("tencent-Hy3", options)).replaceAll(":opensource", "").split("Assistant").at(-1);
    const [unset, on, off, low] = await Promise.all([
      end({}),
      end({ reasoning: "on" }),
      end({ reasoning: "off" }),
      end({ reasoning: { effort: "low" } }),
    ]);
    expect(on).toMatch(/<think>$/);
    expect(low).toMatch(/<think>$/);
    expect(off).toMatch(/<think><\/think>$/);
    expect(unset).toBe(off);
    expect(await promptOf("tencent-Hy3", { reasoning: { effort: "low" } })).toContain("reasoning_effort:low");
    expect(await promptOf("tencent-Hy3", { reasoning: "on" })).toContain("reasoning_effort:high");
  });
});
