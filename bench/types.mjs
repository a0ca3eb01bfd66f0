// `npm run bench -- --shape 7b --types all --json FILE`: the quantizations that Hermes 2 Pro is published in, each as a
// generated model of that shape: it loads, generates, and gives a text the log likelihood that llama.cpp gives it.
// One file is there at a time. What FILE knows of a type is kept, so that an interrupted run goes on.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { installedOptions } from "../scripts/build/build_options.mjs";
import { treeFolder } from "../scripts/build/build_tree.mjs";
import { SetupError } from "../scripts/setup/run_logged.mjs";
import { testModels } from "../scripts/setup/steps.mjs";
import { QUANTIZATIONS } from "../test/support/gguf/quantization_mix.mjs";
import { llamaBench } from "./llama_tools.mjs";
import { waitUntilQuiet } from "./machine.mjs";
import { newPrompt } from "./prompts.mjs";

/**
 * @typedef {import("../test/support/gguf/make_model.mjs").Quantization} Quantization
 * @typedef {object} TypeResult
 * @property {Quantization} type
 * @property {number} bytes
 * @property {number} loadMs
 * @property {number} prefill tokens a second
 * @property {number} decode tokens a second
 * @property {number} llamaBench tokens a second
 * @property {number} tokens of the text
 * @property {number} ours its log likelihood
 * @property {number} theirs likewise
 * @property {number} apart root mean square of the differences of its tokens' log probabilities
 * @property {number} correlation of both
 */

/** Activations are rounded to 8 bits, in one place more or less; a wrong kernel gives something without relation. */
const leastCorrelation = 0.99;

/** English that no template and no vocabulary has anything to do with. */
const passage =
  "The harbour master kept two books. In the first he wrote down every ship that came in, with its port, its cargo and the state of its sails; in the second, which nobody had seen, he wrote what he thought of their captains. When he died, the town read both, and burned the second before the winter came. ";

/**
 * @param {object} options
 * @param {"7b" | "narrow"} options.shape @param {string} options.types @param {string | undefined} options.json
 * @param {number} options.minutes no type begins later
 * @returns {Promise<{ table: string, failed: boolean }>}
 */
export async function benchTypes({ shape, types, json, minutes }) {
  const chosen = types === "all" ? QUANTIZATIONS : types.split(",").map(readType);
  const known = readKnown(json, shape);
  const begin = performance.now();
  for (const type of chosen) {
    if (known.some((result) => result.type === type)) {
      process.stderr.write(`${type}: known\n`);
      continue;
    }
    if ((performance.now() - begin) / 60_000 > minutes) {
      process.stderr.write(`${minutes} minutes are over: run it again for the other types.\n`);
      break;
    }
    known.push(await measureType(shape, type));
    if (json) writeFileSync(json, `${JSON.stringify({ shape, types: known }, null, 2)}\n`);
  }
  const results = QUANTIZATIONS.flatMap((type) => known.filter((result) => result.type === type));
  return { table: tableOf(results), failed: results.some((result) => !agrees(result)) };
}

/** @param {TypeResult} result */
const agrees = ({ correlation }) => correlation >= leastCorrelation;

/** @param {string} name */
function readType(name) {
  const type = QUANTIZATIONS.find((one) => one === name.toUpperCase());
  if (type === undefined)
    throw new SetupError(
      `Invalid value for --types: ${name}. Expected all, or some of ${QUANTIZATIONS.join(", ")}, with commas between.`,
    );
  return type;
}

/** @param {string | undefined} json @param {string} shape @returns {TypeResult[]} */
function readKnown(json, shape) {
  if (json === undefined || !existsSync(json)) return [];
  const known = JSON.parse(readFileSync(json, "utf8"));
  if (known.shape !== shape || !Array.isArray(known.types))
    throw new SetupError(`${json} holds no types of the shape ${shape}: name another file with --json.`);
  return known.types;
}

/** @param {"7b" | "narrow"} shape @param {Quantization} type @returns {Promise<TypeResult>} */
async function measureType(shape, type) {
  const { cachedModel, cachedModelPath, planModel } = await testModels();
  // The default one has its place without its type.
  const options = /** @type {const} */ ({
    shape,
    added: "control",
    ...(type === "Q4_K_M" ? {} : { quantization: type }),
  });
  const file = cachedModelPath(options);
  const wasThere = existsSync(file);
  if (!wasThere) {
    const { fileBytes } = planModel(options);
    const { bavail, bsize } = statfsSync(existingParent(file));
    if (bavail * bsize < fileBytes + 1e9)
      throw new SetupError(`${type} needs ${Math.ceil(fileBytes / 1e9 + 1)} GB of disk: make room and run it again.`);
    process.stderr.write(`${type}: making ${(fileBytes / 1e9).toFixed(1)} GB\n`);
    cachedModel(options);
  }
  try {
    await waitUntilQuiet();
    process.stderr.write(`${type}: measuring\n`);
    const text = shape === "7b" ? passage : passage.repeat(4);
    const { scored, threads, ...speeds } = await measureOurs(file, text);
    const theirs = await scoreTheirs(file, text, scored.length);
    const tokens = 24;
    const result = {
      type,
      bytes: statSync(file).size,
      ...speeds,
      llamaBench: await llamaBench({ model: file, generatedTokens: tokens, threads }),
      tokens: scored.length,
      ours: sum(scored),
      theirs: sum(theirs),
      apart: Math.sqrt(sum(scored.map((value, at) => (value - theirs[at]) ** 2)) / scored.length),
      correlation: correlationOf(scored, theirs),
    };
    process.stderr.write(tableOf([result]));
    return result;
  } finally {
    if (!wasThere) rmSync(file, { force: true });
  }
}

/** @param {string} file @param {string} text whose tokens are scored */
async function measureOurs(file, text) {
  const { load } = await import("caduceus");
  const begin = performance.now();
  const model = await load(file, { contextSize: 1024, prefixFolder: false, promptLookup: false });
  const loadMs = performance.now() - begin;
  try {
    const promptTokens = 200;
    const tokens = 33;
    // Everything is touched once.
    await model.complete(newPrompt(16), { maxTokens: 4, temperature: 0 });
    const read = await model.complete(newPrompt(promptTokens), { maxTokens: 1, temperature: 0 });
    const written = await model.complete(newPrompt(16), { maxTokens: tokens, temperature: 0 });
    const { promptLogProbabilities = [] } = await model.complete(text, {
      maxTokens: 1,
      promptLogProbabilities: true,
    });
    return {
      loadMs,
      prefill: (read.usage.promptTokens * 1000) / read.timings.promptMs,
      decode: written.timings.tokensPerSecond,
      scored: promptLogProbabilities.slice(1).map(({ logProbability = Number.NaN }) => logProbability),
      threads: model.info.threads,
    };
  } finally {
    await model.close();
  }
}

/**
 * By llama.cpp alone, with ggml's own kernels.
 * @param {string} file @param {string} text @param {number} count of its tokens
 */
async function scoreTheirs(file, text, count) {
  const tree = await treeFolder(await installedOptions());
  const { status, stdout, stderr } = spawnSync(path.join(tree, "tests", "log_likelihoods"), [file, "512"], {
    input: `\0${text}\0`,
    encoding: "utf8",
    env: { ...process.env, CADUCEUS_KERNELS: "ggml" },
  });
  if (status !== 0) throw new SetupError(`llama.cpp's log likelihoods failed with code ${status}: ${stderr}`);
  const each = stdout.trim().split(" ").slice(2).map(Number);
  if (each.length !== count) throw new SetupError(`llama.cpp has ${each.length} tokens of the text, and we ${count}.`);
  return each;
}

/** @param {string} file */
function existingParent(file) {
  let folder = path.dirname(file);
  while (!existsSync(folder)) folder = path.dirname(folder);
  return folder;
}

/** @param {readonly number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0);

/** @param {readonly number[]} a @param {readonly number[]} b */
function correlationOf(a, b) {
  const [meanA, meanB] = [a, b].map((values) => sum(values) / values.length);
  const product = (/** @type {readonly number[]} */ x, /** @type {readonly number[]} */ y, mx = 0, my = 0) =>
    sum(x.map((value, at) => (value - mx) * (y[at] - my)));
  return product(a, b, meanA, meanB) / Math.sqrt(product(a, a, meanA, meanA) * product(b, b, meanB, meanB));
}

/** In Markdown. @param {readonly TypeResult[]} results */
function tableOf(results) {
  const lines = results.map((result) => [
    result.type,
    (result.bytes / 2 ** 30).toFixed(2),
    (result.loadMs / 1000).toFixed(1),
    result.prefill.toPrecision(3),
    result.decode.toPrecision(3),
    result.llamaBench.toPrecision(3),
    `${result.ours.toFixed(1)} / ${result.theirs.toFixed(1)}`,
    `${result.apart.toFixed(3)}${agrees(result) ? "" : ` **apart: they correlate by ${result.correlation.toFixed(3)}**`}`,
  ]);
  const head = [
    "type",
    "GiB",
    "load, s",
    "prefill, tokens/s",
    "one stream, tokens/s",
    "llama-bench, tokens/s",
    `log likelihood of ${results[0]?.tokens ?? 0} tokens, ours / llama.cpp's`,
    "a token apart",
  ];
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
