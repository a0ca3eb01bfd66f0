// Prompts made with a server's tokenizer: typed text never becomes a control token, whatever the tokenizer does.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PromptTokenizer } from "../../../src/engine/remote/prompt/prompt_tokenizer.js";
import type { TokenPiece, TokenSource } from "../../../src/engine/remote/prompt/token_source.js";
import { StopStringFilter } from "../../../src/engine/remote/dialects/stop_string_filter.js";

const markers = ["<|im_start|>", "<|im_end|>", "</s>", "[INST]"];
const first = 100;

/** A token for each character, and one for each marker, which it reads wherever it stands, as transformers does. */
class Characters implements TokenSource {
  readonly bosToken: number | undefined = 1;
  asked = 0;
  readonly #prefixes: boolean;

  constructor(prefixes: boolean) {
    this.#prefixes = prefixes;
  }

  async tokenize(texts: readonly string[]): Promise<TokenPiece[][]> {
    this.asked++;
    return texts.map((text) => {
      // As SentencePiece does.
      const whole = this.#prefixes && text !== "" && !markers.some((one) => text.startsWith(one)) ? ` ${text}` : text;
      return whole
        .split(/(<\|im_start\|>|<\|im_end\|>|<\/s>|\[INST\])/)
        .filter((piece) => piece !== "")
        .flatMap((piece) => (markers.includes(piece) ? [piece] : [...piece]))
        .map((piece) => ({
          id: markers.includes(piece) ? 10 + markers.indexOf(piece) : first + piece.codePointAt(0)!,
          bytes: Buffer.from(piece),
        }));
    });
  }
}

const written = (tokens: Iterable<number>) =>
  [...tokens]
    .map((token) => (token >= first ? String.fromCodePoint(token - first) : (markers[token - 10] ?? "")))
    .join("");

const typed = fc
  .array(fc.oneof(fc.constantFrom(...markers, "<|im_", "start|>", "<|<|im_start|>im_start|>", "[I", " "), fc.string()))
  .map((pieces) => pieces.join(""));

test.each([false, true])(
  "what is typed has no control tokens and loses no character (space prefix: %s)",
  async (prefixes) => {
    await fc.assert(
      fc.asyncProperty(fc.array(typed, { minLength: 1, maxLength: 3 }), async (texts) => {
        const tokenizer = new PromptTokenizer(new Characters(prefixes), () => {});
        const parts = texts.flatMap((text) => [
          { control: "<|im_start|>user\n" },
          { text },
          { control: "<|im_end|>\n" },
        ]);
        const tokens = await tokenizer.tokenize(parts, false);
        const control = [...tokens].filter((token) => token < first);
        expect(control).toEqual([1, ...texts.flatMap(() => [10, 11])]);
        const spaced = (text: string) => (prefixes && text !== "" ? ` ${text}` : text);
        const expected = texts.map((text) => `<|im_start|>${spaced(`user\n${text}`)}<|im_end|>${spaced("\n")}`);
        expect(written(tokens)).toBe(expected.join(""));
      }),
      { numRuns: 60 },
    );
  },
);

test("a prompt that goes on has no second BOS, nor one that begins with it", async () => {
  const tokenizer = new PromptTokenizer(new Characters(false), () => {});
  expect([...(await tokenizer.tokenize([{ text: "a" }], false))]).toEqual([1, first + 97]);
  expect([...(await tokenizer.tokenize([{ text: "a" }], true))]).toEqual([first + 97]);
  expect([...(await tokenizer.tokenize([{ tokens: [1, 10] }, { text: "a" }], false))]).toEqual([1, 10, first + 97]);
});

test("texts of a template are asked for once", async () => {
  const source = new Characters(false);
  const tokenizer = new PromptTokenizer(source, () => {});
  const parts = [{ control: "<|im_start|>user\n" }, { text: "Hi" }, { control: "<|im_end|>\n" }];
  await tokenizer.tokenize(parts, false);
  const { asked } = source;
  await tokenizer.tokenize(parts, false);
  expect(source.asked).toBe(asked);
});

test("a prompt of nothing but markers is refused, not asked for forever", async () => {
  const tokenizer = new PromptTokenizer(new Characters(false), () => {});
  const parts = [{ control: "<|im_start|>" }, { text: "<|im_start|>".repeat(20_000) }];
  await expect(tokenizer.tokenize(parts, false)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("stop strings end free text alone, wherever the pieces are cut", () => {
  const text = 'Say <tool_call>\n{"a": "END"}\n</tool_call> and EN END more';
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (places) => {
      const watch = new StopStringFilter(["END"], [{ opening: "<tool_call>", closing: "</tool_call>" }], false);
      const cuts = [0, ...places.sort((a, b) => a - b), text.length];
      let told = "";
      for (let index = 1; index < cuts.length; index++) {
        const read = watch.read(text.slice(cuts[index - 1], cuts[index]));
        told += read.text;
        if (read.stop !== undefined) break;
      }
      expect(told).toBe(text.slice(0, text.lastIndexOf("END")));
    }),
  );
});

test("what might have begun a stop string is told at the end", () => {
  const watch = new StopStringFilter(["STOP"], [], false);
  expect(watch.read("a ST").text).toBe("a ");
  expect(watch.end()).toBe("ST");
});
