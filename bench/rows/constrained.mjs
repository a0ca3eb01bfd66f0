// Cost of constraints: compiling tools, a token with and without a constraint, and a call with forced tokens.
import { createAddonEngine } from "../../dist/engine/addon/addon_engine.js";
import { toNativeConstraint } from "../../dist/engine/addon/grammar.js";
import { builtInDefaults } from "../../dist/model/loading/sampling.js";
import { inTurn, median, ratio } from "../figures.mjs";
import { claim } from "../report.mjs";

/** @typedef {import("../main.mjs").Settings} Settings */
/** @typedef {import("../report.mjs").Row} Row */
/** @typedef {import("../../dist/engine/engine.js").Engine} Engine */
/** @typedef {import("../../dist/engine/engine.js").ToolConstraint} ToolConstraint */

const toolCounts = [1, 20, 128];
const sampling = { ...builtInDefaults, temperature: 0, logitBias: [] };
let series = 0;

/**
 * Tools as people write them; no two calls of this give the same ones.
 * @param {number} count
 * @param {{ minLength?: number, maxLength?: number }} [text]
 * @returns {ToolConstraint}
 */
function tools(count, text = { maxLength: 40 }) {
  series++;
  const parameters = (/** @type {number} */ index) => ({
    type: "object",
    properties: {
      [`subject_${series}_${index}`]: { type: "string", ...text },
      unit: { enum: ["celsius", "fahrenheit", `kelvin ${index}`] },
      days: { type: "integer", minimum: 1, maximum: 14 },
      place: {
        type: "object",
        properties: { city: { type: "string" }, country: { type: "string", pattern: "^[A-Z]{2}$" } },
        required: ["city"],
        additionalProperties: false,
      },
      tags: { type: "array", items: { type: "string" }, maxItems: 5 },
    },
    required: [`subject_${series}_${index}`, "unit"],
    additionalProperties: false,
  });
  const list = Array.from({ length: count }, (_, index) => ({
    name: `look_up_${series}_${index}`,
    parameters: parameters(index),
  }));
  return {
    kind: "tools",
    tools: list,
    mode: "required",
    parallel: false,
    order: "name-first",
    bareFurtherCalls: false,
  };
}

/** @param {Engine} engine @param {Partial<import("../../dist/engine/engine.js").RunRequest>} more */
async function write(engine, more) {
  const prompt = [
    { control: "<|im_start|>" },
    { text: "user\nTell me all you know about the weather in Paris." },
    { control: "<|im_end|>" },
    { text: "\n" },
    { control: "<|im_start|>" },
    { text: "assistant\n" },
  ];
  const run = engine.submit({
    prompt,
    sampling,
    maxTokens: 100,
    stop: [],
    stopTokens: [],
    logProbabilities: false,
    cacheScope: "",
    priority: 0,
    deterministic: false,
    ...more,
  });
  const begun = performance.now();
  for (let part = await run.next(); part; part = await run.next()) {
    if (part.type !== "end") continue;
    run.release();
    return { end: part, ms: performance.now() - begun, tokensPerSecond: part.timings.tokensPerSecond };
  }
  throw new Error("The run gave no end.");
}

/** @template Result @param {Settings} settings @param {(engine: Engine) => Promise<Result>} body */
async function withEngine({ model, threads }, body) {
  const engine = await createAddonEngine({
    path: model,
    contextSize: 1024,
    kvType: "f16",
    gpuLayers: 0,
    prefixFolderBytes: 0,
    threads,
  });
  try {
    // The vocabulary is read with the first constraint.
    await write(engine, { constraint: tools(1), maxTokens: 4 });
    return await body(engine);
  } finally {
    await engine.close();
  }
}

/** @type {(settings: Settings) => Promise<Row[]>} */
export async function compiling(settings) {
  return withEngine(settings, async (engine) => {
    const figures = await inTurn(
      settings.runs,
      Object.fromEntries(
        toolCounts.map((count) => [
          `${count} tools`,
          async () => (await write(engine, { constraint: tools(count), maxTokens: 1 })).end.constraint?.compileMs,
        ]),
      ),
    );
    const known = tools(20);
    const written = await inTurn(settings.runs, {
      "20 tools": async () => {
        const begun = performance.now();
        for (let n = 0; n < 100; n++) toNativeConstraint(known);
        return (performance.now() - begun) / 100;
      },
    });
    return [
      {
        name: "compiling tools",
        unit: "ms",
        figures,
        claims: claim("20 tools < 30 ms", figures["20 tools"] && median(figures["20 tools"]), (value) => value < 30),
      },
      {
        name: "writing the grammar of known tools",
        unit: "ms",
        figures: written,
        claims: claim("< 0.1 ms", written["20 tools"] && median(written["20 tools"]), (value) => value < 0.1),
      },
    ];
  });
}

/**
 * One token after the other, none forced, against the same number of free ones.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function constrainedToken(settings) {
  return withEngine(settings, async (engine) => {
    // A long string, so that as many tokens are written as without a constraint.
    const constraints = toolCounts.map((count) => ({
      name: `${count} tools`,
      constraint: tools(count, { minLength: 600 }),
    }));
    // With log probabilities no token is forced.
    const free = {
      logProbabilities: true,
      sampling: {
        ...sampling,
        logitBias: /** @type {[number, number][]} */ (
          engine.info.endOfGenerationTokens.map((token) => [token, -Infinity])
        ),
      },
    };
    const figures = await inTurn(settings.runs, {
      free: async () => (await write(engine, free)).tokensPerSecond,
      ...Object.fromEntries(
        constraints.map(({ name, constraint }) => [
          name,
          async () => (await write(engine, { constraint, logProbabilities: true })).tokensPerSecond,
        ]),
      ),
    });
    const claims = toolCounts.flatMap((count) =>
      claim(`${count} tools ≥ 0.95 × free`, ratio(figures, `${count} tools`, "free"), (value) => value >= 0.95),
    );
    return [{ name: "constrained decode, nothing forced", unit: "tokens/s", figures, claims }];
  });
}

/**
 * A whole call with what is forced, against as many tokens written freely.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function forcedCall(settings) {
  return withEngine(settings, async (engine) => {
    const constraint = tools(20);
    const { end } = await write(engine, { constraint });
    const tokens = end.usage.generatedTokens;
    const bias = /** @type {[number, number][]} */ (
      engine.info.endOfGenerationTokens.map((token) => [token, -Infinity])
    );
    const figures = await inTurn(settings.runs, {
      forced: async () => (await write(engine, { constraint })).ms,
      stepped: async () => (await write(engine, { constraint, logProbabilities: true })).ms,
      free: async () => (await write(engine, { maxTokens: tokens, sampling: { ...sampling, logitBias: bias } })).ms,
    });
    return [
      {
        name: `a call of ${tokens} tokens, ${end.constraint?.forcedTokens} of them forced`,
        unit: "ms",
        figures,
        claims: claim("< free", ratio(figures, "forced", "free"), (value) => value < 1),
      },
    ];
  });
}
