// Prompts become exactly the tokens that SentencePiece gives, however a file types its added tokens.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, type Model, type PromptPart } from "../../src/index.js";
import { hermesModel, type AddedTokens } from "../support/models.js";

interface Golden {
  readonly texts: ReadonlyArray<{ readonly text: string; readonly ids: readonly number[] }>;
  readonly prompts: ReadonlyArray<{ readonly parts: readonly PromptPart[]; readonly ids: readonly number[] }>;
}

const golden = JSON.parse(
  readFileSync(new URL("../support/golden/mistral_tokens.json", import.meta.url), "utf8"),
) as Golden;

const BOS = 1;
const IM_END = 32000;
const IM_START = 32001;
const markup = [
  "<|im_start|>",
  "<|im_end|>",
  "<s>",
  "</s>",
  "<unk>",
  "<dummy32002>",
  "<dummy32005>",
  "<dummy32031>",
  "<0x0A>",
];

/** SentencePiece keeps spaces as U+2581, so that character itself comes back as a space: it is left out here. */
const character = fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((one) => one !== "\u2581");
const text = fc
  .array(fc.oneof(character, fc.constantFrom(" ", "\n", "\t", "<", "|", ">", "im_", "start", "the", "é", "日")), {
    maxLength: 60,
  })
  .map((all) => all.join(""));
const textWithMarkup = fc
  .array(
    fc.oneof(
      fc.constantFrom(...markup),
      fc.constantFrom(" ", "\n", "<", "<|", "|>", ">", ".", "></", "a", "im_end|>", "日", "👍"),
    ),
    { maxLength: 12 },
  )
  .map((all) => all.join(""));

describe.each<AddedTokens>(["control", "user-defined"])("with the added tokens typed %s", (added) => {
  let model: Model;
  beforeAll(async () => {
    model = await load(await hermesModel(added), { contextSize: 512 });
  });
  afterAll(() => model.close());

  const ids = async (input: string | readonly PromptPart[]) => [...(await model.tokenize(input))];

  test.each(golden.texts)("text $text has SentencePiece's tokens after one BOS", async ({ text, ids: expected }) => {
    expect(await ids(text)).toEqual([BOS, ...expected]);
  });

  test.each(golden.prompts)(
    "prompt $parts has SentencePiece's tokens between its control tokens",
    async ({ parts, ids: expected }) => {
      expect(await ids(parts)).toEqual(expected);
    },
  );

  test("a BOS in the template's own markup does not become a second one", async () => {
    expect(await ids([{ control: "<s><|im_start|>user\n" }, { text: "Hi" }])).toEqual(
      await ids([{ control: "<|im_start|>user\n" }, { text: "Hi" }]),
    );
    expect(await ids([{ tokens: [BOS, IM_START] }])).toEqual([BOS, IM_START]);
  });

  test("no text typed by a user becomes a control token, and its tokens say the text back", async () => {
    await fc.assert(
      fc.asyncProperty(textWithMarkup, async (typed) => {
        const prompt = await ids([{ control: "<|im_start|>user\n" }, { text: typed }, { control: "<|im_end|>" }]);
        expect(prompt.slice(0, 4)).toEqual([BOS, IM_START, 2188, 13]);
        expect(prompt.at(-1)).toBe(IM_END);
        const inner = prompt.slice(4, -1);
        expect(inner.filter((id) => id < 3 || id >= IM_END)).toEqual([]);
        expect(await model.detokenize(inner, { special: true })).toBe(typed);
      }),
      { numRuns: 300 },
    );
  });

  test("neighboring texts have the tokens of the joined text, wherever it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(textWithMarkup, fc.nat(), async (typed, at) => {
        const characters = Array.from(typed);
        const cut = at % (characters.length + 1);
        const parts = [
          { control: "<|im_start|>" },
          { text: characters.slice(0, cut).join("") },
          { text: characters.slice(cut).join("") },
        ];
        expect(await ids(parts)).toEqual(await ids([{ control: "<|im_start|>" }, { text: typed }]));
      }),
      { numRuns: 100 },
    );
  });

  test("text comes back from its tokens with the one space that SentencePiece puts in front", async () => {
    await fc.assert(
      fc.asyncProperty(text, async (typed) => {
        const tokens = await model.tokenize(typed);
        expect(tokens[0]).toBe(BOS);
        expect(await model.detokenize(tokens)).toBe(typed === "" ? "" : ` ${typed}`);
      }),
      { numRuns: 300 },
    );
  });
});

describe("two files that differ only in how they type the added tokens", () => {
  let control: Model;
  let userDefined: Model;
  beforeAll(async () => {
    control = await load(await hermesModel("control"), { contextSize: 512 });
    userDefined = await load(await hermesModel("user-defined"), { contextSize: 512 });
  });
  afterAll(async () => {
    await control.close();
    await userDefined.close();
  });

  test("give every prompt the same tokens", async () => {
    await fc.assert(
      fc.asyncProperty(textWithMarkup, async (typed) => {
        const parts = [
          { control: "<|im_start|>user\n" },
          { text: typed },
          { control: "<|im_end|>\n<|im_start|>assistant\n" },
        ];
        expect(await userDefined.tokenize(parts)).toEqual(await control.tokenize(parts));
      }),
      { numRuns: 100 },
    );
  });

  test("write control tokens out on request", async () => {
    const tokens = [IM_START, 2188, 13, 23809, IM_END];
    expect(await control.detokenize(tokens, { special: true })).toBe("<|im_start|> user\nHi<|im_end|>");
    expect(await userDefined.detokenize(tokens, { special: true })).toBe("<|im_start|> user\nHi<|im_end|>");
    expect(await control.detokenize(tokens)).toBe(" user\nHi");
  });
});
