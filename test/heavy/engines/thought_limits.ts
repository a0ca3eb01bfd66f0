// A limit on thoughts on a real server with random weights, which never end a thought by themselves.
import { expect } from "vitest";
import { connect } from "../../../src/index.js";

const chatTemplate =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n<think>\n";
const schema = {
  type: "object",
  properties: { ok: { type: "boolean" } },
  required: ["ok"],
  additionalProperties: false,
} as const;

export async function expectLimitedThoughts(url: string): Promise<void> {
  const model = await connect(url, { chatTemplate });
  const ask = (reasoning: "off" | { readonly maxTokens: number }) =>
    model.reply("Hi", { reasoning, schema, temperature: 1, seed: 7, maxTokens: 120 });
  const limited = await ask({ maxTokens: 6 });
  expect(Object.keys(limited.value)).toEqual(["ok"]);
  expect(limited.reasoning).not.toBe("");
  const none = await ask("off");
  expect(Object.keys(none.value)).toEqual(["ok"]);
  expect(none.reasoning ?? "").toBe("");
  // Random weights write the answer in tokens of any length.
  expect(Math.max(limited.usage.generatedTokens, none.usage.generatedTokens)).toBeLessThan(60);
  // By itself it thinks on until the limit of tokens.
  await expect(model.reply("Hi", { schema, temperature: 1, seed: 7, maxTokens: 120 })).rejects.toMatchObject({
    code: "INCOMPLETE",
  });
  await model.close();
}
