// Which tokens end a turn and which never come out, on models whose weights insist on one token.
import { describe, expect, test } from "vitest";
import { load, type ReplyResult } from "../../src/index.js";
import { hermesModel, type AddedTokens } from "../support/models.js";

async function replyOf(added: AddedTokens, tokenBias: Record<number, number>): Promise<ReplyResult> {
  const model = await load(await hermesModel(added, { tokenBias }), { contextSize: 256 });
  try {
    return await model.reply("Hi", { maxTokens: 24, temperature: 0, logProbabilities: true });
  } finally {
    await model.close();
  }
}

describe.each<AddedTokens>(["control", "user-defined"])("with the added tokens typed %s", (added) => {
  test.each([
    { name: "</s>", token: 2 },
    { name: "<|im_end|>", token: 32000 },
    { name: "<|im_start|>", token: 32001 },
  ])("$name ends the turn and leaves no text", async ({ token }) => {
    const { finishReason, text } = await replyOf(added, { [token]: 40 });
    expect({ finishReason, text }).toEqual({ finishReason: "stop", text: "" });
  });

  test("padding that the weights insist on never comes out", async () => {
    const { finishReason, text, logProbabilities } = await replyOf(added, { 32002: 40, 32005: 45, 32031: 50 });
    expect(finishReason).toBe("length");
    expect(text).not.toContain("dummy");
    expect(logProbabilities).toHaveLength(24);
    expect(logProbabilities?.filter(({ token }) => token >= 32000)).toEqual([]);
  });

  test("a model that nothing makes end goes on to its limit without repeating one token", async () => {
    const { finishReason, usage, logProbabilities } = await replyOf(added, {});
    expect(finishReason).toBe("length");
    expect(usage.generatedTokens).toBe(24);
    expect(new Set(logProbabilities?.map(({ token }) => token)).size).toBeGreaterThan(12);
  });
});
