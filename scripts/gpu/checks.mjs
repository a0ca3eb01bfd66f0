// What a GPU must do, each check in a process of its own: scripts/gpu/run.mjs starts them. A check throws what is wrong
// and gives what it saw, in words.
import { totalmem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { doctor, inspectModel, load } from "caduceus";
import { newPrompt, newPrompts } from "../../bench/prompts.mjs";
import { compareGreedy, compareScores, describeComparison } from "./greedy.mjs";

/**
 * @typedef {object} CheckSettings
 * @property {string} text path of a model that the processor computes quickly
 * @property {string} large path of the model that is measured
 * @property {number} gpuBytes memory of all GPUs; 0: unknown
 * @property {boolean} dry on a device of software, in small
 *
 * @typedef {import("caduceus").Model} Model
 */

const greedy = /** @type {const} */ ({ temperature: 0, logProbabilities: true, topLogProbabilities: 10 });
const options = /** @type {const} */ ({ contextSize: 1024, prefixFolder: false, promptLookup: false });

/** @param {Model} model @param {string} prompt @param {number} tokens @param {object} [more] */
async function written(model, prompt, tokens, more = {}) {
  const { logProbabilities = [] } = await model.complete(prompt, { ...greedy, maxTokens: tokens, ...more });
  return logProbabilities;
}

/** Log probabilities of a text's tokens. @param {Model} model @param {string} text */
async function scored(model, text) {
  const { promptLogProbabilities = [] } = await model.complete(text, { maxTokens: 1, promptLogProbabilities: true });
  return promptLogProbabilities.slice(1).map(({ logProbability = Number.NaN }) => logProbability);
}

/** @param {string} file @param {import("caduceus").LoadOptions} own @param {(model: Model) => Promise<any>} use */
async function withModel(file, own, use) {
  const model = await load(file, { ...options, ...own });
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

/** @param {boolean} holds @param {string} what */
function must(holds, what) {
  if (!holds) throw new Error(what);
}

/** @param {Model} model */
const onGpus = ({ info }) => info.devices.filter(({ name }) => name !== "CPU");

/** Layers go where they should, and the text is the processor's. @param {CheckSettings} settings */
export async function offload({ text, dry }) {
  const { findings } = await doctor();
  const finding = findings.find(({ subject }) => subject === "GPU");
  if (finding?.state !== "ok")
    throw new Error(`caduceus doctor says of GPUs: ${finding?.detail}. ${finding?.remedy ?? ""}`);
  must(dry || finding.detail.includes("CUDA0"), `The GPUs in use are not CUDA's: ${finding.detail}.`);
  const tokens = dry ? 12 : 64;
  const prompt = "Question: Why is the sky blue?\nAnswer:";
  const passage = newPrompt(dry ? 40 : 400);
  const { reference, scores, layers } = await withModel(text, { gpuLayers: 0 }, async (model) => {
    must(onGpus(model).length === 0, "With gpuLayers: 0 a device besides the processor is in use.");
    return {
      reference: await written(model, prompt, tokens),
      scores: await scored(model, passage),
      layers: model.info.layers,
    };
  });
  const third = Math.max(1, Math.floor(layers / 3));
  const lines = [finding.detail];
  for (const gpuLayers of /** @type {const} */ ([third, layers + 1, "auto"])) {
    await withModel(text, { gpuLayers }, async (model) => {
      // All of them fit. The output, which counts as one more, is not told.
      const wanted = gpuLayers === third ? third : layers;
      must(
        model.info.gpuLayers === wanted,
        `With gpuLayers: ${gpuLayers} ${model.info.gpuLayers} layers are on GPUs and not ${wanted}.`,
      );
      const bytes = onGpus(model).reduce((sum, { weightsBytes }) => sum + weightsBytes, 0);
      must(bytes > 0, `No weights are on a GPU with gpuLayers: ${gpuLayers}.`);
      const comparison = compareGreedy(reference, await written(model, prompt, tokens));
      const apart = compareScores(scores, await scored(model, passage));
      const line = `${gpuLayers}: ${model.info.gpuLayers} of ${layers} layers and ${(bytes / 2 ** 20).toFixed(0)} MiB on GPUs, ${describeComparison(comparison, tokens)}, those of ${scores.length} others ${apart.mean.toFixed(4)} apart`;
      must(comparison.agrees && apart.agrees, `The text is not the processor's. ${line}.`);
      lines.push(line);
    });
  }
  return lines.join("; ");
}

/** Two models at once, and a deterministic reply in a decode context of its own. @param {CheckSettings} settings */
export async function contexts({ text, large, dry }) {
  const tokens = dry ? 6 : 48;
  const prompt = newPrompt(24);
  const alone = await withModel(text, {}, (model) => written(model, prompt, tokens));
  return withModel(text, {}, (one) =>
    withModel(large, {}, async (other) => {
      const [first, second, ...exact] = await Promise.all([
        written(one, prompt, tokens),
        written(other, prompt, tokens),
        written(one, prompt, tokens, { deterministic: true }),
        written(one, prompt, tokens, { deterministic: true }),
      ]);
      must(second.length === tokens, `The second model wrote ${second.length} of ${tokens} tokens.`);
      const comparison = compareGreedy(alone, first);
      must(comparison.agrees, `Beside another, the text is another: ${describeComparison(comparison, tokens)}.`);
      const [a, b] = exact.map((reply) => JSON.stringify(reply));
      must(a === b, "Two deterministic replies differ.");
      return `${describeComparison(comparison, tokens)}; two deterministic replies the same to the bit`;
    }),
  );
}

/** A prompt that is being read is given up, and the model goes on. @param {CheckSettings} settings */
export async function cancel({ large, dry }) {
  const length = dry ? 96 : 12_000;
  return withModel(large, { contextSize: dry ? 256 : 16_384 }, async (model) => {
    const begin = performance.now();
    await written(model, newPrompt(length), 1);
    const wholeMs = performance.now() - begin;
    const asked = AbortSignal.timeout(Math.ceil(wholeMs * 0.3));
    const start = performance.now();
    const failure = await model.complete(newPrompt(length), { maxTokens: 1, signal: asked }).then(
      () => "none",
      (/** @type {Error} */ error) => error.name,
    );
    while (model.stats().running > 0) await sleep(1);
    const tookMs = performance.now() - start;
    must(failure === "TimeoutError", `A reply whose signal was aborted ended with ${failure}.`);
    // On a device of software, small prompts are one batch.
    must(
      dry || tookMs < wholeMs * 0.8,
      `The prompt was computed on: ${tookMs.toFixed(0)} of ${wholeMs.toFixed(0)} ms.`,
    );
    must((await written(model, "Once more", 4)).length === 4, "After a cancelled prompt the model writes nothing.");
    return `a prompt of ${length} tokens takes ${wholeMs.toFixed(0)} ms; cancelled after 30 % of them, it was over after ${tookMs.toFixed(0)}`;
  });
}

/** What does not fit is refused, and what is loaded stays as it is. @param {CheckSettings} settings */
export async function memory({ large, gpuBytes, dry }) {
  const { memory: need } = await inspectModel(large, { contextSize: 512, gpuLayers: 0 });
  const tokenBytes = need.cacheBytesPerToken;
  const tokensIn = (/** @type {number} */ bytes) => Math.min(0x7fffffff, Math.ceil(bytes / tokenBytes));
  // On a device of software the GPU's memory is the machine's.
  const held = dry ? 1024 : tokensIn(0.7 * gpuBytes);
  const sizes = [1.2 * (totalmem() + gpuBytes), ...(dry ? [] : [0.7 * gpuBytes])].map(tokensIn);
  const own = { contextSize: 512, hostCacheBytes: 0 };
  return withModel(large, { ...own, cacheTokens: held }, async (model) => {
    const before = await written(model, "The sky is", 8);
    for (const cacheTokens of sizes) {
      const gpuLayers = model.info.layers + 1;
      const refused = await load(large, { ...options, ...own, cacheTokens, gpuLayers }).then(
        async (loaded) => (await loaded.close(), "nothing"),
        (/** @type {{ code?: string, message: string }} */ error) => error.code ?? error.message,
      );
      must(
        refused === "OUT_OF_MEMORY",
        `A cache of ${cacheTokens} tokens beside one of ${held}, more than there is memory for, was refused with ${refused} and not with OUT_OF_MEMORY.`,
      );
    }
    const comparison = compareGreedy(before, await written(model, "The sky is", 8));
    must(comparison.agrees, "A loaded model writes something else after another was refused.");
    return `${sizes.length} caches of more memory than there is are refused with OUT_OF_MEMORY beside one of ${held} tokens, which goes on`;
  });
}

/** The whole context, against the processor; and a long prompt of the large model. @param {CheckSettings} settings */
export async function longContext({ text, large, dry }) {
  const tokens = dry ? 4 : 16;
  const contextSize = dry ? 128 : 8192;
  const prompt = newPrompt(Math.floor((contextSize - tokens) * 0.8));
  const reference = await withModel(text, { contextSize, gpuLayers: 0 }, (model) => written(model, prompt, tokens));
  const comparison = await withModel(text, { contextSize }, async (model) =>
    compareGreedy(reference, await written(model, prompt, tokens)),
  );
  must(
    comparison.agrees,
    `At the end of a long prompt the text is not the processor's: ${describeComparison(comparison, tokens)}.`,
  );
  const size = dry ? 256 : 32_768;
  const speed = await withModel(large, { contextSize: size, cacheTokens: size }, async (model) => {
    const { usage, timings } = await model.complete(newPrompt(Math.floor(size * 0.7)), {
      maxTokens: 8,
      temperature: 0,
    });
    must(usage.promptTokens > size / 2, `The long prompt had ${usage.promptTokens} tokens only.`);
    return { tokens: usage.promptTokens, ms: timings.promptMs };
  });
  return `${describeComparison(comparison, tokens)} behind ${contextSize} tokens of context; a prompt of ${speed.tokens} in ${speed.ms.toFixed(0)} ms`;
}

/** Each of many streams writes what it writes alone. @param {CheckSettings} settings */
export async function streams({ text, dry }) {
  const count = dry ? 4 : 32;
  const tokens = dry ? 4 : 48;
  const prompts = newPrompts(count, 24);
  return withModel(text, { contextSize: 256, cacheTokens: 256 * count * 2 }, async (model) => {
    const together = await Promise.all(prompts.map((prompt) => written(model, prompt, tokens)));
    let alike = 0;
    const compared = together.slice(0, dry ? 2 : count);
    for (const [index, reply] of compared.entries()) {
      // Alone, and computed anew.
      const alone = await written(model, /** @type {string} */ (prompts[index]), tokens, {
        cacheScope: `alone ${index}`,
      });
      const comparison = compareGreedy(alone, reply);
      must(
        comparison.agrees,
        `Stream ${index + 1} of ${count} writes something else than alone: ${describeComparison(comparison, tokens)}.`,
      );
      if (comparison.same === tokens) alike++;
    }
    return `${count} streams of ${tokens} tokens; of ${compared.length} that were compared ${alike} exactly as alone, the others but for rounding`;
  });
}
