// llama.cpp's samplers and what bounds a turn, on a real model: with seeds, constraints, drafts and log probabilities.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { load, type Model, type ReplyOptions } from "../../src/index.js";
import { hermesModel } from "../support/models.js";

let model: Model;
beforeAll(async () => {
  model = await load("smollm2", { format: "hermes", prefixFolder: false, threads: 1 });
});
afterAll(() => model.close());

const samplers: readonly (readonly [string, ReplyOptions])[] = [
  ["DRY", { dryMultiplier: 2, dryAllowedLength: 1, dryBase: 2 }],
  ["top n sigma", { topNSigma: 1, topK: 0, topP: 1, minP: 0 }],
  ["typical p", { typicalP: 0.2 }],
  ["XTC", { xtcProbability: 1, xtcThreshold: 0.05 }],
  ["dynamic temperature", { dynatempRange: 1 }],
  ["Mirostat", { mirostat: 1, mirostatTau: 2 }],
  ["adaptive p", { adaptiveTarget: 0.1, adaptiveDecay: 0.5, topK: 0, topP: 1 }],
  ["Mirostat 2.0", { mirostat: 2, mirostatTau: 2 }],
  [
    "all of them",
    { dryMultiplier: 1, topNSigma: 3, typicalP: 0.9, xtcProbability: 0.3, dynatempRange: 0.3, repeatPenalty: 1.1 },
  ],
];
const question = "Make up a name for a ship.";
const person = z.strictObject({ kind: z.enum(["human", "robot"]), age: z.int().min(0).max(150) });

describe.each(samplers)("%s", (_, options) => {
  test("a seed gives the same text again, with log probabilities and apart from others too", async () => {
    const asked = { ...options, seed: 3, temperature: 1.2, maxTokens: 12 };
    const { text } = await model.reply(question, { ...asked, deterministic: true });
    const again = await model.reply(question, { ...asked, deterministic: true, logProbabilities: true });
    expect(again.text).toBe(text);
    expect(text).not.toBe("");
    // One seed alone may write what comes out without the sampler as well.
    const pairs = [];
    for (const seed of [3, 4, 5]) {
      const plain = { seed, temperature: 1.2, maxTokens: 24, deterministic: true };
      pairs.push([await model.reply(question, { ...plain, ...options }), await model.reply(question, plain)] as const);
    }
    expect(pairs.some(([own, plain]) => own.text !== plain.text)).toBe(true);
  });

  test("JSON stays what its schema says", async () => {
    const { value } = await model.reply("Anna is 31.", {
      ...options,
      schema: person,
      seed: 5,
      temperature: 1.2,
      maxTokens: 60,
    });
    expect(value).toMatchObject({ kind: expect.any(String), age: expect.any(Number) });
  });
});

test("a bias on a text is one on each token that it has by itself, with a leading space of its own or without", async () => {
  const hermes = await load(await hermesModel());
  for (const one of [model, hermes])
    for (const text of ["marmot", " marmot", "<|im_end|>"]) {
      const tokens = Array.from(await one.tokenize(text)).filter((token) => token !== one.info.bosToken);
      const written = async (logitBias: ReplyOptions["logitBias"]) =>
        (await one.complete("A word:", { temperature: 0, maxTokens: 6, logitBias })).text;
      const biased = await written(tokens.map((token) => [token, 60] as const));
      expect(await written(new Map([[text, 60]]))).toBe(biased);
      expect(biased).not.toBe(await written([]));
    }
  await hermes.close();
});

test("DRY sees what is given out, forced tokens too: a repetition ends", async () => {
  const asked = { temperature: 0, maxTokens: 40 };
  const longest = (text: string) => /(.{2,}?)\1{3,}/s.exec(text)?.[0].length ?? 0;
  const prompt = "one two three one two three one two three one two three one two three one";
  const plain = await model.complete(prompt, asked);
  const dry = await model.complete(prompt, { ...asked, dryMultiplier: 5, dryBase: 2, dryAllowedLength: 1 });
  expect(longest(plain.text)).toBeGreaterThan(2 * longest(dry.text));
});

describe("the end of a turn", () => {
  test("does not come before minTokens, and never with ignoreEos", async () => {
    const asked = { temperature: 0, maxTokens: 50 };
    const { usage, finishReason } = await model.reply("Say yes.", asked);
    expect(finishReason).toBe("stop");
    const more = await model.reply("Say yes.", { ...asked, minTokens: usage.generatedTokens + 10 });
    expect(more.usage.generatedTokens).toBeGreaterThanOrEqual(usage.generatedTokens + 10);
    expect(await model.reply("Say yes.", { ...asked, ignoreEos: true })).toMatchObject({
      finishReason: "length",
      usage: { generatedTokens: 50 },
    });
  });

  test("comes with a token of stopTokens", async () => {
    const { text, logProbabilities } = await model.reply("Count to ten.", {
      temperature: 0,
      maxTokens: 20,
      logProbabilities: true,
    });
    const stop = logProbabilities![6]!.token;
    const first = logProbabilities!.findIndex(({ token }) => token === stop);
    const cut = await model.reply("Count to ten.", { temperature: 0, maxTokens: 20, stopTokens: [stop] });
    expect(cut).toMatchObject({ finishReason: "stop", usage: { generatedTokens: first } });
    expect(text.startsWith(cut.text)).toBe(true);
  });

  test("is what a complete constraint comes to, whatever minTokens says", async () => {
    expect((await model.reply("A digit.", { regex: "\\d", minTokens: 20 })).text).toMatch(/^\d$/);
    // Where more may come, more comes.
    expect(
      (await model.reply("Digits.", { regex: "\\d+", minTokens: 20, maxTokens: 30, temperature: 0 })).text.length,
    ).toBeGreaterThanOrEqual(20);
    const { value } = await model.reply("Anna is 31.", { schema: person, minTokens: 50, maxTokens: 60, seed: 1 });
    expect(value).toBeDefined();
    expect((await model.reply("A digit.", { regex: "\\d", ignoreEos: true, maxTokens: 10 })).text).toMatch(/^\d$/);
  });
});

describe("grammars of llama.cpp", () => {
  test.each<[string, string, RegExp]>([
    ["alternatives that begin alike", 'root ::= "ab" "c" | [a-z]+ "!"', /^(?:abc|[a-z]+!)$/],
    ["what reaches over whole words", 'root ::= word (" " word){2}\nword ::= [a-z] [a-z]*', /^[a-z]+ [a-z]+ [a-z]+$/],
    ["nesting", 'root ::= list\nlist ::= "[" (list ("," list)?)? "]"', /^[[\],]+$/],
    ["what is left out", 'root ::= [^a-zA-Z ]{1,10} "."?', /^[^a-zA-Z ]{1,10}\.?$/u],
    ["characters of several bytes", 'root ::= [ぁ-ゟ]{3} "é\\U0001F600"', /^[ぁ-ゟ]{3}é😀$/u],
    [
      "moves",
      'root ::= "1. " move " " move "\\n"\nmove ::= (pawn | nonpawn | castle) [+#]?\npawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?\nnonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]\ncastle ::= "O-O" "-O"?',
      /^1\. \S+ \S+\n$/,
    ],
  ])("%s", async (_, grammar, expected) => {
    for (let seed = 0; seed < 2; seed++) {
      const { text, finishReason } = await model.reply("Write something.", {
        grammar,
        seed,
        temperature: 1.5,
        maxTokens: 30,
      });
      if (finishReason === "stop") expect(text).toMatch(expected);
      else expect(text.length).toBeGreaterThan(0);
    }
  });

  test("one that cannot be compiled fails in words", async () => {
    await expect(model.reply("Hi", { grammar: "root ::= (" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("expected )"),
    });
  });
});

test("a schema binds a raw prompt, and says what it leaves open", async () => {
  const reply = model.complete("Anna:", {
    schema: {
      type: "array",
      items: { type: "integer", minimum: 0, maximum: 999 },
      minItems: 2,
      maxItems: 2,
      uniqueItems: true,
    },
    maxTokens: 40,
  });
  const numbers = JSON.parse((await reply).text) as unknown;
  expect(numbers).toHaveLength(2);
  expect(reply.unenforced).toMatchObject([{ keyword: "uniqueItems" }]);
});
