// Sampling defaults from the file, and the options of a reply with every kind of wrong value.
import { expect, test } from "vitest";
import type { LoadedModel } from "../../../src/model/loading/loaded_model.js";
import { LoadedModel as Loaded } from "../../../src/model/loading/loaded_model.js";
import { resolveCompleteOptions, resolveReplyOptions } from "../../../src/chat/reply/reply_options.js";
import { ScriptedEngine, type Script } from "../../support/engines/scripted_engine.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

const loaded = (script?: Script): Promise<LoadedModel> => Loaded.of(new ScriptedEngine(script));

test("defaults are those of the design", async () => {
  expect(resolveReplyOptions(undefined, "reply", await loaded()).request.sampling).toEqual({
    temperature: 0.8,
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    repeatPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    penaltyLastN: 64,
    dry: { multiplier: 0, base: 1.75, allowedLength: 2, lastN: -1, sequenceBreakers: ["\n", ":", '"', "*"] },
    topNSigma: 0,
    typicalP: 1,
    xtcProbability: 0,
    xtcThreshold: 0.1,
    dynatempRange: 0,
    dynatempExponent: 1,
    mirostat: 0,
    mirostatTau: 5,
    mirostatEta: 0.1,
    adaptiveTarget: -1,
    adaptiveDecay: 0.9,
    seed: undefined,
    logitBias: [],
  });
});

test("the file's own values come before them, and the caller's before both", async () => {
  const model = await loaded({
    metadata: {
      "general.sampling.temp": "0.300000011920929",
      "general.sampling.top_k": "20",
      "general.sampling.top_p": "0.9",
      "general.sampling.min_p": "0",
      "general.sampling.penalty_repeat": "1.1",
      "general.sampling.penalty_last_n": "-1",
      "general.sampling.xtc_probability": "0.5",
      "general.sampling.xtc_threshold": "0.2",
      "general.sampling.mirostat": "2",
      "general.sampling.mirostat_tau": "4",
      "general.sampling.mirostat_eta": "0.2",
    },
  });
  const expected = {
    temperature: 0.3,
    topK: 20,
    topP: 0.9,
    minP: 0,
    repeatPenalty: 1.1,
    penaltyLastN: -1,
    xtcProbability: 0.5,
    xtcThreshold: 0.2,
    mirostat: 2,
    mirostatTau: 4,
    mirostatEta: 0.2,
  };
  expect(resolveReplyOptions({}, "reply", model).request.sampling).toMatchObject(expected);
  expect(resolveReplyOptions({ topP: 0.5, temperature: 0 }, "reply", model).request.sampling).toMatchObject({
    ...expected,
    topP: 0.5,
    temperature: 0,
  });
});

test("adaptive p turns off the Mirostat that the file asks for", async () => {
  const model = await loaded({ metadata: { "general.sampling.mirostat": "2" } });
  expect(resolveReplyOptions({ adaptiveTarget: 0.4 }, "reply", model).request.sampling).toMatchObject({
    mirostat: 0,
    adaptiveTarget: 0.4,
    adaptiveDecay: 0.9,
  });
  expect(resolveReplyOptions({ adaptiveTarget: -1 }, "reply", model).request.sampling).toMatchObject({
    mirostat: 2,
    adaptiveTarget: -1,
  });
});

test("a senseless value of the file is passed over", async () => {
  const model = await loaded({
    metadata: {
      "general.sampling.temp": "nan",
      "general.sampling.top_k": "-3",
      "general.sampling.top_p": "",
      "general.sampling.min_p": "2",
      "general.sampling.penalty_repeat": "0",
    },
  });
  expect(resolveReplyOptions({}, "reply", model).request.sampling).toMatchObject({
    temperature: 0.8,
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    repeatPenalty: 1,
  });
});

const numbers = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "repeatPenalty",
  "frequencyPenalty",
  "presencePenalty",
  "penaltyLastN",
  "seed",
  "maxTokens",
  "minTokens",
  "dryMultiplier",
  "dryBase",
  "dryAllowedLength",
  "dryPenaltyLastN",
  "topNSigma",
  "typicalP",
  "xtcProbability",
  "xtcThreshold",
  "dynatempRange",
  "dynatempExponent",
  "mirostat",
  "mirostatTau",
  "mirostatEta",
];
test.each(numbers)("%s refuses what is not a finite number", async (name) => {
  const model = await loaded();
  for (const value of ["1", Number.NaN, Infinity, -Infinity, null, true, {}, 1n]) {
    expect(() => resolveReplyOptions({ [name]: value }, "reply", model)).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining(`Invalid value for ${name}: `),
      }),
    );
  }
});

test.each([
  [{ temperature: -0.1 }, "Invalid value for temperature: -0.1. Expected a number from 0 up."],
  [{ topP: 1.01 }, "Invalid value for topP: 1.01. Expected a number from 0 to 1."],
  [{ minP: -1 }, "Invalid value for minP: -1. Expected a number from 0 to 1."],
  [{ topK: 1.5 }, "Invalid value for topK: 1.5. Expected a whole number of at least 0."],
  [{ repeatPenalty: 0 }, "Invalid value for repeatPenalty: 0. Expected a number above 0."],
  [{ repeatPenalty: -1 }, "Invalid value for repeatPenalty: -1. Expected a number above 0."],
  [{ toolTimeoutMs: -1 }, "Invalid value for toolTimeoutMs: -1. Expected a number above 0."],
  [{ frequencyPenalty: Number.NaN }, "Invalid value for frequencyPenalty: NaN. Expected a finite number."],
  [{ penaltyLastN: -2 }, "Invalid value for penaltyLastN: -2. Expected a whole number of at least -1."],
  [{ seed: -1 }, "Invalid value for seed: -1. Expected a whole number of at least 0."],
  [{ seed: 2 ** 32 }, "Invalid value for seed: 4294967296. Expected a whole number of at most 4294967295."],
  [{ maxTokens: -5 }, "Invalid value for maxTokens: -5. Expected a whole number of at least 1."],
  [{ minTokens: 5, maxTokens: 4 }, "Invalid value for minTokens: 5. Expected a whole number of at most 4."],
  [{ stopTokens: [-1] }, "Expected a token id from 0 to"],
  [{ ignoreEos: 1 }, "Invalid value for ignoreEos: 1. Expected true or false."],
  [{ mirostat: 3 }, "Invalid value for mirostat: 3. Expected a whole number of at most 2."],
  [{ typicalP: 1.5 }, "Invalid value for typicalP: 1.5. Expected a number from 0 to 1."],
  [{ dryBase: 0.5 }, "Invalid value for dryBase: 0.5. Expected a number from 1 to 1000."],
  [{ drySequenceBreakers: "x" }, "Expected an array of at most 8 texts."],
  [{ drySequenceBreakers: Array(17).fill("x") }, "Expected an array of at most 8 texts."],
  [{ drySequenceBreakers: ["a", ""] }, 'Invalid value for drySequenceBreakers[1]: "". Expected one ASCII character.'],
  [{ drySequenceBreakers: ["a\0"] }, "Expected one ASCII character."],
  [{ drySequenceBreakers: ["é"] }, "Expected one ASCII character"],
  [{ stop: 5 }, "Invalid value for stop: 5. Expected a string or an array of strings."],
  [{ stop: "" }, 'Invalid value for stop: "". Expected text that is not empty.'],
  [{ stop: ["a", ""] }, 'Invalid value for stop[1]: "". Expected text that is not empty.'],
  [{ stop: ["a", 5] }, "Invalid value for stop[1]: 5. Expected text."],
  [{ stop: ["\ud800"] }, "Invalid value for stop[0]: a lone surrogate at index 0. Expected well-formed text."],
  [{ priority: 101 }, "Invalid value for priority: 101. Expected a whole number of at most 100."],
  [{ priority: -101 }, "Invalid value for priority: -101. Expected a whole number of at least -100."],
  [{ priority: 0.5 }, "Invalid value for priority: 0.5. Expected a whole number of at least -100."],
  [{ queueTimeoutMs: 0 }, "Invalid value for queueTimeoutMs: 0. Expected a number above 0."],
  [{ queueTimeoutMs: -1 }, "Invalid value for queueTimeoutMs: -1. Expected a number above 0."],
  [{ queueTimeoutMs: Infinity }, "Invalid value for queueTimeoutMs: Infinity. Expected a number above 0."],
  [{ queueTimeoutMs: "5" }, 'Invalid value for queueTimeoutMs: "5". Expected a number above 0.'],
  [{ cacheScope: 5 }, "Invalid value for cacheScope: 5. Expected text."],
  [{ cacheScope: "\ud800" }, "Invalid value for cacheScope: a lone surrogate at index 0. Expected well-formed text."],
  [{ deterministic: 1 }, "Invalid value for deterministic: 1. Expected true or false."],
  [{ keepPrefix: "yes" }, 'Invalid value for keepPrefix: "yes". Expected true or false.'],
  [{ contextOverflow: "drop" }, 'Invalid value for contextOverflow: "drop". Expected "error" or "drop-oldest".'],
  [{ requestId: "" }, 'Invalid value for requestId: "". Expected text of 1 to 200 characters.'],
  [
    { requestId: "x".repeat(201) },
    "Invalid value for requestId: a string of 201 characters. Expected text of 1 to 200 characters.",
  ],
  [{ requestId: 5 }, "Invalid value for requestId: 5. Expected text of 1 to 200 characters."],
  [{ requestId: "\ud800" }, "Invalid value for requestId: a lone surrogate at index 0. Expected well-formed text."],
  [{ logProbabilities: 1 }, "Invalid value for logProbabilities: 1. Expected true or false."],
  [
    { logProbabilities: true, topLogProbabilities: 21 },
    "Invalid value for topLogProbabilities: 21. Expected a whole number of at most 20.",
  ],
  [{ topLogProbabilities: 1 }, "topLogProbabilities needs logProbabilities: true or promptLogProbabilities: true."],
  [{ promptLogProbabilities: true }, "Unknown option of reply"],
  [{ maxTokens: 0 }, "Invalid value for maxTokens: 0. Expected a whole number of at least 1."],
  [{ logitBias: { 5: 1 } }, "Invalid value for logitBias: an object. Expected a Map or an array of pairs."],
  [{ logitBias: [5] }, "Invalid value for logitBias[0]: 5. Expected a pair of token id or text and number."],
  [{ logitBias: [["", 1]] }, 'Invalid value for logitBias[0][0]: "". Expected text of 1 to 100 characters.'],
  [{ logitBias: [["a".repeat(101), 1]] }, "for logitBias[0][0]: "],
  [{ logitBias: [["\ud800", 1]] }, "for logitBias[0][0]: a lone surrogate at index 0"],
  [
    { logitBias: Array.from({ length: 101 }, (_, index) => [`${index}`, 1]) },
    "Invalid value for logitBias: 101 texts. Expected at most 100 texts.",
  ],
  [{ adaptiveTarget: -0.5 }, "Invalid value for adaptiveTarget: -0.5. Expected a number from 0 to 1."],
  [{ adaptiveTarget: 1.1 }, "Invalid value for adaptiveTarget: 1.1."],
  [{ adaptiveDecay: 1 }, "Invalid value for adaptiveDecay: 1. Expected a number from 0 to 0.99."],
  [{ adaptiveTarget: 0.5, mirostat: 2 }, "adaptiveTarget cannot be combined with mirostat."],
  [{ logitBias: [[-1, 1]] }, "for logitBias[0][0]: -1"],
  [{ logitBias: [[1e9, 1]] }, "for logitBias[0][0]: 1000000000"],
  [{ logitBias: [[5, Number.NaN]] }, "Invalid value for logitBias[0][1]: NaN. Expected a finite number or -Infinity."],
  [{ signal: {} }, "Invalid value for signal: an object. Expected an AbortSignal."],
  [{ max_tokens: 5 }, 'Unknown option of reply: "max_tokens". Did you mean maxTokens?'],
  ["hello", 'Invalid value for the options of reply: "hello". Expected an object.'],
])("reply options %o are refused: %s", async (options, message) => {
  const model = await loaded();
  expect(() => resolveReplyOptions(options, "reply", model)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) }),
  );
});

test("what the engine is asked about queue, scope and repeatability has defaults and passes through", async () => {
  const model = await loaded();
  expect(resolveReplyOptions({}, "reply", model)).toMatchObject({
    request: { priority: 0, queueTimeoutMs: undefined, cacheScope: "", deterministic: false },
    keepPrefix: undefined,
    contextOverflow: "error",
  });
  const given = { priority: -100, queueTimeoutMs: 0.5, cacheScope: "tenant", deterministic: true };
  expect(
    resolveReplyOptions({ ...given, keepPrefix: true, contextOverflow: "drop-oldest" }, "reply", model),
  ).toMatchObject({ request: given, keepPrefix: true, contextOverflow: "drop-oldest" });
  expect(resolveReplyOptions({ queueTimeoutMs: Number.MAX_VALUE }, "reply", model).request.queueTimeoutMs).toBe(1e12);
});

test("an engine that cannot repeat itself to the bit refuses to be asked for it", async () => {
  const model = await loaded({ deterministic: false });
  expect(() => resolveReplyOptions({ deterministic: true }, "reply", model)).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: "Invalid value for deterministic: true, which this engine cannot promise. Expected false.",
    }),
  );
  expect(resolveReplyOptions({ deterministic: false }, "reply", model).request.deterministic).toBe(false);
});

test("logit bias is taken from arrays and Maps, and padding is banned besides", async () => {
  const model = await loaded({ padding: ["<dummy00001>", "[PAD8209]", ""] });
  const banned = [12304, 12305, 12306].map((token) => [token, -Infinity]);
  expect(model.vocabulary.bannedTokens).toEqual([12304, 12305, 12306]);
  expect(resolveReplyOptions({ logitBias: [[5, -Infinity]] }, "reply", model).request.sampling.logitBias).toEqual([
    [5, -Infinity],
    ...banned,
  ]);
  expect(
    resolveReplyOptions({ logitBias: new Map([[" the", 1.5]]) }, "reply", model).request.sampling.logitBias,
  ).toEqual([[" the", 1.5], ...banned]);
  expect(resolveReplyOptions({ logitBias: new Map([[5, 1.5]]) }, "reply", model).request.sampling.logitBias).toEqual([
    [5, 1.5],
    ...banned,
  ]);
});

test("log probabilities are refused where the engine has none", async () => {
  const model = await loaded({ logProbabilities: false });
  expect(() => resolveReplyOptions({ logProbabilities: true }, "reply", model)).toThrow(
    "logProbabilities cannot be used",
  );
  expect(() => resolveCompleteOptions({ promptLogProbabilities: true }, model)).toThrow(
    "promptLogProbabilities cannot be used",
  );
});

test("stop tokens are the markers that the vocabulary holds, and padding is only what ends it", async () => {
  expect((await loaded()).vocabulary).toEqual({
    hasChatMl: true,
    hasTagTokens: false,
    hasToolsToken: false,
    isHermes2ProMistral: false,
    eosText: "<|im_end|>",
    stopTokens: [1, 3, 2],
    bannedTokens: [],
  });
  expect((await loaded({ markers: ["</s>"] })).vocabulary).toEqual({
    hasChatMl: false,
    hasTagTokens: false,
    hasToolsToken: false,
    isHermes2ProMistral: false,
    eosText: "</s>",
    stopTokens: [1],
    bannedTokens: [],
  });
  expect(
    (await loaded({ padding: ["<dummy1>", "word", ...Array.from({ length: 100 }, (_, index) => `<dummy${index}>`)] }))
      .vocabulary.bannedTokens,
  ).toHaveLength(100);
});

test.each([
  [undefined, "Invalid value for prompt: undefined. Expected a string or an array of prompt parts."],
  ["\ud800", "Invalid value for prompt: a lone surrogate at index 0. Expected well-formed text."],
  [[{}], "Invalid value for prompt[0]: an object. Expected an object with one of text, control and tokens."],
  [[{ text: "a", control: "b" }], "prompt[0]"],
  [[{ text: 5 }], "Invalid value for prompt[0].text: 5. Expected text."],
  [[{ tokens: "5" }], 'Invalid value for prompt[0].tokens: "5". Expected an array of token ids.'],
  [[{ tokens: [1, 2.5] }], "for prompt[0].tokens[1]: 2.5"],
  [[{ tokens: [1e9] }], "Invalid value for prompt[0].tokens[0]: 1000000000. Expected a token id from 0 to 12303."],
])("complete(%o) is refused: %s", async (prompt, message) => {
  const { model, engine } = await scriptedModel();
  await expect(model.complete(prompt as string)).rejects.toThrow(message);
  expect(engine.requests).toEqual([]);
});

test("complete reads markup in a string, and takes parts as what they say they are", async () => {
  const { model, engine } = await scriptedModel();
  await model.complete("<|im_start|>user\n");
  await model.complete([{ text: "<|im_start|>" }, { tokens: [20, 21] }]);
  expect(engine.requests.map(({ prompt }) => prompt)).toEqual([
    [{ control: "<|im_start|>user\n" }],
    [{ text: "<|im_start|>" }, { tokens: Int32Array.of(20, 21) }],
  ]);
});

test("tokenize takes text as text, and detokenize leaves markers out unless asked", async () => {
  const { model } = await scriptedModel();
  expect([...(await model.tokenize("<s"))]).toEqual([0, 16 + 60, 16 + 115]);
  expect(await model.detokenize([1, 16 + 65])).toBe("A");
  expect(await model.detokenize(Int32Array.of(1, 16 + 65), { special: true })).toBe("<|im_end|>A");
  await expect(model.detokenize([1e9])).rejects.toThrow("Expected a token id");
  await expect(model.detokenize("ab" as unknown as number[])).rejects.toThrow("Expected an array of token ids");
  await expect(model.tokenize(5 as unknown as string)).rejects.toThrow(
    "Expected a string or an array of prompt parts.",
  );
});
