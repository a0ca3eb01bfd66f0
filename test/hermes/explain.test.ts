// What explain shows is what the engine read.
import { expect, test } from "vitest";
import { load, tool } from "../../src/index.js";
import { hermesModel } from "../support/models.js";
import { speakingModel } from "../support/engines/speaking_engine.js";

const look = tool({ name: "look", description: "Looks" });

test("the tokens of a prompt are as many as the engine counted, with BOS once", async () => {
  const { model } = await speakingModel("control", ["Blue.", "Blue."]);
  for (const tools of [[], [look]]) {
    const { format, reason, prompts } = await model
      .reply(
        [
          { role: "system", content: "Be brief." },
          { role: "user", content: "What do you see?" },
        ],
        { tools },
      )
      .explain();
    expect({ format, reason }).toEqual({ format: "hermes (card)", reason: "The option format asks for it." });
    const [prompt] = prompts;
    expect(prompt!.tokens).toHaveLength(prompt!.promptTokens!);
    expect(prompt!.tokens.filter(({ id }) => id === 1)).toHaveLength(1);
    // SentencePiece puts a space in front of the text after each marker.
    expect(
      prompt!.tokens
        .slice(1)
        .map(({ text }) => text)
        .join("")
        .replace(/(<\|im_\w+\|>) /g, "$1"),
    ).toBe(prompt!.text);
    expect(prompt!.continues).toBe(false);
  }
  await model.close();
});

test("a later turn of a chat shows its own part, and that the rest was cached", async () => {
  const { model } = await speakingModel("control", ["One.", "Two."]);
  const chat = model.chat({ system: "Count." });
  await chat.send("Go.");
  const {
    prompts: [prompt],
  } = await chat.send("On.").explain();
  expect(prompt!.text).toBe("<|im_end|>\n<|im_start|>user\nOn.<|im_end|>\n<|im_start|>assistant\n");
  expect(prompt!.continues).toBe(true);
  expect(prompt!.cachedTokens).toBeGreaterThanOrEqual(prompt!.promptTokens! - prompt!.tokens.length - 1);
  await model.close();
});

test("a prompt that is too long for the context is explained all the same", async () => {
  const model = await load(await hermesModel(), { contextSize: 64, format: "hermes" });
  const reply = model.reply("word ".repeat(200));
  await expect(reply).rejects.toMatchObject({ code: "CONTEXT_FULL" });
  const {
    prompts: [prompt],
  } = await reply.explain();
  expect(prompt!.tokens.length).toBeGreaterThan(200);
  expect(prompt!.promptTokens).toBeUndefined();
  await model.close();
});

test("a wording asked for in a reply is the one that is used", async () => {
  const { model } = await speakingModel("control", ["Hm.", "Hm."]);
  const { format, prompts } = await model
    .reply("Hi", { tools: [look], promptVariant: "hermes3", scratchPad: true })
    .explain();
  expect(format).toBe("hermes (hermes3)");
  expect(prompts[0]!.text).toContain("<scratch_pad>");
  expect((await model.reply("Hi", { tools: [look] }).explain()).format).toBe("hermes (card)");
  await model.close();
});

test("a prompt is explained without being answered, as the reply to it reads it", async () => {
  const { model, engine } = await speakingModel("control", ["Blue."]);
  const { generatedTokens } = engine.stats();
  const before = await model.explain("What do you see?", { tools: [look], toolChoice: "required" });
  expect(engine.stats()).toMatchObject({ running: 0, generatedTokens, promptTokens: 0 });
  const after = await model.reply("What do you see?", { tools: [look], toolChoice: "required" }).explain();
  const { promptTokens, cachedTokens, ...prompt } = after.prompts[0]!;
  expect(before).toEqual({ ...after, prompts: [prompt] });
  expect(before.prompts[0]!.tokens).toHaveLength(promptTokens!);
  expect(before.prompts[0]!.constraint).toMatchObject({ kind: "tools", mode: "required" });
  await expect(model.explain([{ role: "cook", content: "x" } as never])).rejects.toMatchObject({
    code: "INVALID_MESSAGES",
  });
  await expect(model.explain("x", { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  await model.close();
  await expect(model.explain("x")).rejects.toMatchObject({ code: "MODEL_CLOSED" });
});

test("a file of Hermes 2 Pro is recognized by its vocabulary, whatever its name and template say", async () => {
  const path = await hermesModel("control", { name: "Some other model", chatTemplate: "{{ messages[0].content }}" });
  const model = await load(path, { contextSize: 256, prefixFolder: false });
  const { format, reason, prompts } = await model.explain("Hi");
  expect(format).toBe("hermes (card)");
  expect(reason).toMatch(/^The model is Hermes 2 Pro on Mistral: its vocabulary has 32,032 tokens/);
  expect(prompts[0]!.text).toBe("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  await model.close();
});
