// Calls whose markers are control tokens of the vocabulary: seen in free text, constrained from there on, and read.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, tool, type Model } from "../../src/index.js";
import { hermesModel } from "../support/models.js";
import { templateSource } from "../support/template_corpus.js";

const calls = 32002;
const chatTemplate = [
  "{% if tools %}[TOOLS]{{ tools | tojson }}{% endif %}",
  "{% for m in messages %}",
  "{% if m.role == 'assistant' and m.tool_calls %}",
  "{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}</s>",
  "{% elif m.role == 'assistant' %}{{ m.content }}</s>",
  "{% elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]",
  "{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}",
].join("");

const turn = tool({
  name: "turn",
  parameters: {
    type: "object",
    properties: { to: { enum: ["left", "right"] }, by: { type: "integer", minimum: 1, maximum: 9 } },
    required: ["to", "by"],
    additionalProperties: false,
  } as const,
});

let model: Model;
beforeAll(async () => {
  const path = await hermesModel("control", {
    markup: ["[TOOL_CALLS]", "[ARGS]"],
    chatTemplate,
    // It says that first whatever it is asked.
    tokenBias: { [calls]: 60 },
  });
  model = await load(path, { format: "template", contextSize: 2048, prefixFolder: false });
});
afterAll(() => model.close());

test("a model that says the marker by itself is held to a call of a given tool from there on", async () => {
  const { toolCalls, text } = await model.reply("Go", { tools: [turn], maxTokens: 60, temperature: 0 });
  expect(toolCalls.length).toBeGreaterThan(0);
  for (const { name, arguments: args, repaired, problem } of toolCalls) {
    expect([name, repaired, problem]).toEqual(["turn", false, undefined]);
    expect(["left", "right"]).toContain((args as { to: string }).to);
  }
  expect(text).toBe("");
});

test("one call is all where no more are allowed, and its marker is one token", async () => {
  const { toolCalls, logProbabilities } = await model.reply("Go", {
    tools: [turn],
    parallelToolCalls: false,
    logProbabilities: true,
    maxTokens: 60,
    temperature: 0,
  });
  expect(toolCalls).toHaveLength(1);
  const tokens = logProbabilities!.map(({ token }) => token);
  expect(tokens[0]).toBe(calls);
  const raw = await model.detokenize(tokens, { special: true });
  expect(raw).toMatch(/^\[TOOL_CALLS\]turn\[ARGS\]\{"to": "(left|right)", "by": [1-9]\}$/);
});

test("stop strings do not apply to the markers, nor to what stands between them", async () => {
  const { toolCalls, text } = await model.reply("Go", {
    tools: [turn],
    parallelToolCalls: false,
    stop: ["[", "t"],
    maxTokens: 60,
    temperature: 0,
  });
  expect([toolCalls.length, text]).toEqual([1, ""]);
});

test("results go back behind the calls' own tokens", async () => {
  const answered = tool({ ...turn, execute: () => "done" });
  const reply = model.reply("Go", {
    tools: [answered],
    toolChoice: { name: "turn" },
    maxRounds: 2,
    maxTokens: 60,
    temperature: 0,
  });
  await reply;
  const { prompts } = await reply.explain();
  expect(prompts.map(({ continues }) => continues)).toEqual([false, true]);
  expect(prompts[1]?.text).toBe("</s>[TOOL_RESULTS]done[/TOOL_RESULTS]");
});

test("without tools the marker is text that is shown", async () => {
  const { text } = await model.reply("Go", { maxTokens: 2, temperature: 0 });
  expect(text).toBe("[TOOL_CALLS][TOOL_CALLS]");
});

test("further parameters are written with names of their own where the schema leaves it open, and values as JSON", async () => {
  const path = await hermesModel("control", { chatTemplate: templateSource("Qwen3-Coder") });
  const other = await load(path, { format: "template", contextSize: 2048, prefixFolder: false });
  try {
    const open = tool({
      name: "keep",
      parameters: {
        type: "object",
        properties: { a: { type: "string", maxLength: 3 }, b: { type: "array", items: { enum: [1, 2] }, maxItems: 2 } },
        required: ["a", "b"],
      } as const,
    });
    for (const undeclaredProperties of ["refuse", "allow"] as const) {
      const { toolCalls, incompleteCall } = await other.reply("Go", {
        tools: [open],
        toolChoice: { name: "keep" },
        undeclaredProperties,
        maxTokens: 120,
        temperature: 1,
        seed: 3,
      });
      const written = toolCalls[0]?.argumentsText ?? incompleteCall?.argumentsText;
      expect(written).toMatch(/^\{"a": ".{0,16}", "b": \[([12](, [12])?)?\]/su);
      if (undeclaredProperties === "refuse") expect(toolCalls).toHaveLength(1);
    }
  } finally {
    await other.close();
  }
});
