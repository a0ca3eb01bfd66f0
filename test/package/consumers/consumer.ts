// What a user writes, compiled against the packed declarations only, as strictly as compilers can.
import { AnswerError, load, tool, CaduceusError, type Reply, type ReplyOptions } from "caduceus";
import { createHandler } from "caduceus/server";
import * as hermes from "caduceus/hermes";

export async function answer(question: string, options: ReplyOptions = {}): Promise<string> {
  await using model = await load("smollm2");
  const add = tool({
    name: "add",
    description: "Adds two numbers",
    parameters: {
      type: "object",
      properties: { a: { type: "number" }, b: { type: "number" } },
      required: ["a", "b"],
      additionalProperties: false,
    } as const,
    execute: ({ a, b }): number => a + b,
  });
  const reply = model.reply(question, { ...options, tools: [add] });
  for await (const event of reply) {
    if (event.type === "text") process.stdout.write(event.text);
  }
  const handler = createHandler({ models: { hermes: model } });
  await handler.close();
  return (await reply).text;
}

export const isOurs = (error: unknown): error is CaduceusError =>
  error instanceof CaduceusError && error.code === "CONTEXT_FULL";
export const written = (error: unknown): string | undefined =>
  error instanceof AnswerError ? error.result.text : undefined;
export type Text = Awaited<Reply>["text"];
export const names: readonly string[] = Object.keys(hermes);

// @ts-expect-error a wrong option must be seen: the declarations are found, and are not all `any`
export const wrong: ReplyOptions = { maxTokens: "many" };
