// Filling in the middle: the tokens that a model gets, that no text of a caller becomes one of them, and the endpoints.
import { existsSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelFolder } from "../../src/files/index.js";
import { load, type Model } from "../../src/index.js";
import { createHandler } from "../../src/server/index.js";
import { hermesModel } from "../support/models.js";

const markup = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"];
const [PREFIX, SUFFIX, MIDDLE, REPOSITORY, FILE] = markup.map((_, index) => 32_002 + index);
const BOS = 1;

const tokensOf = async (model: Model, ...given: Parameters<Model["complete"]>) => {
  const [prompt, options] = given;
  const { prompts } = await model.complete(prompt, { ...options, maxTokens: 0 }).explain();
  return prompts[0]!.tokens.map(({ id }) => id);
};
const textTokens = async (model: Model, text: string) =>
  text === "" ? [] : Array.from(await model.tokenize([{ tokens: [PREFIX!] }, { text }])).slice(2);
const failure = (work: () => PromiseLike<unknown>) =>
  Promise.resolve(work()).then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a model with tokens for it", () => {
  let model: Model;
  let post: (path: string, body: object) => Promise<any>;
  beforeAll(async () => {
    model = await load(await hermesModel("control", { markup }));
    const handler = createHandler({ models: { m: model } });
    post = async (where, body) => {
      const response = await handler.fetch(
        new Request(`http://localhost${where}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...body }),
        }),
      );
      const text = await response.text();
      return text.startsWith("{") ? (JSON.parse(text) as unknown) : text;
    };
  });
  afterAll(() => model.close());

  test("says so", () => {
    expect(model.capabilities.infill).toBe(true);
    expect(model.info.infillTokens).toEqual({
      prefix: PREFIX,
      suffix: SUFFIX,
      middle: MIDDLE,
      repository: REPOSITORY,
      file: FILE,
    });
  });

  test("gets prefix, suffix and middle in this order, and other files before them as in a repository", async () => {
    const [before, after] = await Promise.all(
      ["def add(a, b):\n  return ", "\n"].map((text) => textTokens(model, text)),
    );
    expect(await tokensOf(model, "def add(a, b):\n  return ", { suffix: "\n" })).toEqual([
      BOS,
      PREFIX,
      ...before!,
      SUFFIX,
      ...after!,
      MIDDLE,
    ]);
    const parts = await Promise.all(
      ["myproject\n", "a.py\nx = 1\n", "tmp\ny = 2\n", "filename\n"].map((text) => textTokens(model, text)),
    );
    const contextFiles = [{ name: "a.py", text: "x = 1\n" }, { text: "y = 2\n" }];
    expect(await tokensOf(model, "", { suffix: "", contextFiles })).toEqual([
      BOS,
      REPOSITORY,
      ...parts[0]!,
      FILE,
      ...parts[1]!,
      FILE,
      ...parts[2]!,
      FILE,
      ...parts[3]!,
      PREFIX,
      SUFFIX,
      MIDDLE,
    ]);
  });

  test("no text of a caller becomes a control token, wherever it stands", async () => {
    const text = fc
      .array(fc.constantFrom(...markup, "<|im_end|>", "<s>", "</s>", " ", "\n", "x", "<|", "|>"), { maxLength: 8 })
      .map((all) => all.join(""));
    await fc.assert(
      fc.asyncProperty(text, text, text, text, async (prompt, suffix, name, other) => {
        const tokens = await tokensOf(model, prompt, { suffix, contextFiles: [{ name, text: other }] });
        const control = tokens.filter((token) => token < 3 || token >= 32_000);
        expect(control).toEqual([BOS, REPOSITORY, FILE, FILE, PREFIX, SUFFIX, MIDDLE]);
      }),
      { numRuns: 60 },
    );
  });

  test("parts of a prompt stay what they are", async () => {
    const tokens = await tokensOf(model, [{ tokens: [400, 401] }, { control: "<|im_start|>" }], { suffix: "" });
    expect(tokens).toEqual([BOS, PREFIX, 400, 401, 32_001, SUFFIX, MIDDLE]);
  });

  test("a prompt that is too long is refused with its suffix, never cut", async () => {
    const long = "word ".repeat(20_000);
    for (const [prompt, suffix] of [
      [long, ""],
      ["", long],
    ] as const)
      expect(await failure(() => model.complete(prompt, { suffix, maxTokens: 1 }))).toMatchObject({
        code: "CONTEXT_FULL",
      });
  });

  test("the three endpoints ask for the same, and answer each in its own form", async () => {
    const [prefix, suffix] = ["function add(a, b) {\n  return ", ";\n}\n"];
    const { text } = await model.complete(prefix, { suffix, temperature: 0, maxTokens: 8 });
    const own = await post("/infill", { input_prefix: prefix, input_suffix: suffix, temperature: 0, n_predict: 8 });
    expect(own).toMatchObject({
      content: text,
      stop: true,
      model: "m",
      stop_type: "limit",
      tokens_predicted: 8,
      truncated: false,
      timings: { predicted_n: 8 },
    });
    expect(own.timings.prompt_n + own.timings.cache_n).toBe(own.tokens_evaluated);
    const more = { input_prefix: "function add", prompt: prefix.slice(12), input_suffix: suffix };
    expect(
      await post("/infill", {
        ...more,
        temperature: 0,
        n_predict: 8,
        response_fields: ["content", "timings/predicted_n", "none/at/all"],
      }),
    ).toEqual({ content: text, "timings/predicted_n": 8 });
    const streamed: string = await post("/infill", { ...more, temperature: 0, n_predict: 8, stream: true });
    const events = streamed
      .trim()
      .split("\n\n")
      .map((event) => JSON.parse(event.replace(/^data: /, "")) as { content: string; stop: boolean });
    expect(events.map(({ content }) => content).join("")).toBe(text);
    expect(events.map(({ stop }) => stop)).toEqual([...events.slice(1).map(() => false), true]);
    const completion = await post("/v1/completions", { prompt: prefix, suffix, temperature: 0, max_tokens: 8 });
    expect(completion.choices[0].text).toBe(text);
    const generated = await post("/api/generate", {
      prompt: prefix,
      suffix,
      stream: false,
      options: { temperature: 0, num_predict: 8 },
    });
    expect(generated.response).toBe(text);
    expect((await post("/api/show", { model: "m" })).capabilities).toContain("insert");
  });
});

test("what is wrong is refused with a code and its place", async () => {
  const model = await load(await hermesModel());
  expect(model.capabilities.infill).toBe(false);
  expect(await failure(() => model.complete("a", { suffix: "b" }))).toMatchObject({
    code: "UNSUPPORTED",
    param: "suffix",
  });
  const cases: readonly (readonly [options: object, param: string])[] = [
    [{ suffix: 5 }, "suffix"],
    [{ suffix: "\ud800" }, "suffix"],
    [{ contextFiles: [] }, "contextFiles"],
    [{ suffix: "", contextFiles: "a" }, "contextFiles"],
    [{ suffix: "", contextFiles: Array(1001).fill({ text: "" }) }, "contextFiles"],
    [{ suffix: "", contextFiles: [null] }, "contextFiles[0]"],
    [{ suffix: "", contextFiles: [{ text: "" }, { name: "a" }] }, "contextFiles[1].text"],
    [{ suffix: "", contextFiles: [{ name: 5, text: "" }] }, "contextFiles[0].name"],
  ];
  for (const [options, param] of cases)
    expect(await failure(() => model.complete("a", options)), JSON.stringify(options)).toMatchObject({
      code: "INVALID_ARGUMENT",
      param,
    });
  await model.close();
});

const coder = path.join(modelFolder(), "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
test.skipIf(!existsSync(coder))("Qwen2.5-Coder fills in what was left out", async () => {
  const model = await load(coder, { contextSize: 512 });
  const { text, finishReason } = await model.complete("def add(a, b):\n    return ", {
    suffix: "\n\nprint(add(1, 2))\n",
    temperature: 0,
    maxTokens: 16,
    stop: "\n",
  });
  expect({ text: text.trim(), finishReason }).toEqual({ text: "a + b", finishReason: "stop" });
  await model.close();
});
