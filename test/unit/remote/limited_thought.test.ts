// A thought on a server that knows no limit: it has no more tokens than it may, is closed, and the answer follows.
import { expect, test } from "vitest";
import { limitedThought } from "../../../src/engine/remote/dialects/limited_thought.js";
import type { ServerPiece, ServerRequest } from "../../../src/engine/remote/remote_server.js";
import type { PromptPart, ThoughtRequest } from "../../../src/index.js";

const tags = { opening: "<think>", closing: "</think>", answer: "", end: "\n</think>\n\n" };
const ends = [90, 91];

/** A server that writes one of the answers for each request, word by word, each a token. */
async function read(
  thought: Partial<ThoughtRequest> & { readonly maxTokens: number },
  answers: readonly string[],
  more: Partial<ServerRequest> = {},
) {
  const asked: ServerRequest[] = [];
  let left = 0;
  const request = {
    prompt: [{ tokens: [1, 2] }],
    stop: [],
    logProbabilities: false,
    ...more,
    thought: { ...tags, open: false, ...thought },
  } as unknown as ServerRequest;
  const pieces = limitedThought(request, {
    async *answer(one) {
      asked.push(one);
      let token = 10 * asked.length;
      try {
        for (const text of answers[asked.length - 1]!.split(/(?<= )/)) {
          yield { type: "delta", text, tokens: Int32Array.of(token++) } satisfies ServerPiece;
        }
        yield { type: "end", finishReason: "stop", usage: { promptTokens: 5 } } satisfies ServerPiece;
      } finally {
        left++;
      }
    },
    prepare: async (parts: readonly PromptPart[]) => {
      expect(parts).toEqual([{ control: tags.end }]);
      return [{ tokens: Int32Array.from(ends) }];
    },
  });
  let text = "";
  const tokens: number[] = [];
  let end: ServerPiece | undefined;
  for await (const piece of pieces) {
    if (piece.type === "delta") {
      text += piece.text;
      tokens.push(...piece.tokens);
    } else end = piece;
  }
  expect(left).toBe(asked.length);
  return { text, tokens, end, asked };
}

test("a thought within its limit is let be", async () => {
  const { text, asked, end } = await read({ maxTokens: 9 }, ["<think> a b </think> yes"]);
  expect([text, asked.length, end]).toEqual([
    "<think> a b </think> yes",
    1,
    { type: "end", finishReason: "stop", usage: { promptTokens: 5 } },
  ]);
  expect(asked[0]!.thought!.maxTokens).toBeUndefined();
});

test("a longer one is closed at its limit, and the answer goes on behind it", async () => {
  const { text, tokens, asked, end } = await read({ maxTokens: 2 }, ["<think> a b c d </think> no", "yes"], {
    maxTokens: 20,
  });
  expect(text).toBe("<think> a b \n</think>\n\nyes");
  expect(tokens).toEqual([10, 11, 12, ...ends, 20]);
  expect(asked[1]).toMatchObject({ thought: undefined, maxTokens: 15 });
  expect(asked[1]!.prompt.flatMap((part) => ("tokens" in part ? Array.from(part.tokens) : []))).toEqual([
    ...[1, 2, 10, 11, 12],
    ...ends,
  ]);
  // What is counted there is not what the caller asked for.
  expect(end).toEqual({ type: "end", finishReason: "stop" });
});

test("one that the prompt has opened is closed at once where it may have nothing", async () => {
  const { text, asked } = await read({ maxTokens: 0, open: true }, ["yes"]);
  expect([text, asked.length]).toEqual(["\n</think>\n\nyes", 1]);
});

test("one that the model opens is closed behind its tag where it may have nothing", async () => {
  const { text } = await read({ maxTokens: 0 }, ["<think> a b", "yes"]);
  expect(text).toMatch(/^<think> \n<\/think>\n\nyes$/);
});

test("an answer without a thought is let be, and so is one that ends in a thought", async () => {
  expect((await read({ maxTokens: 1 }, ["<b> a b c d"])).text).toBe("<b> a b c d");
  const { text, asked } = await read({ maxTokens: 9, open: true }, ["a b"]);
  expect([text, asked.length]).toEqual(["a b", 1]);
});

test("a limit of tokens ends the answer in the middle of what is forced", async () => {
  const { tokens, end, asked } = await read({ maxTokens: 2, open: true }, ["a b c d"], { maxTokens: 3 });
  expect([tokens, end, asked.length]).toEqual([[10, 11, 90], { type: "end", finishReason: "length" }, 1]);
});
