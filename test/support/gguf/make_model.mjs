// Makes GGUF models with the vocabulary of Hermes-2-Pro-Mistral-7B and random weights: tiny ones for tests, the full
// 7B shape for benchmarks. Plain JavaScript, since scripts run it before anything is compiled.
//
//   node test/support/gguf/make_model.mjs --shape tiny|7b|narrow --added control|user-defined --out FILE
import { createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { aligned } from "./gguf_writer.mjs";
import { planModel } from "./model_plan.mjs";
import { QUANTIZATIONS } from "./quantization_mix.mjs";
import { tensorData } from "./tensor_data.mjs";

export { planModel };

/** Raise it when the same options give other bytes: cached files are then made again. */
export const GENERATOR_VERSION = 1;

/**
 * Writes the model; `out` is there whole or not at all.
 * @param {string} out
 * @param {import("./make_model.mjs").ModelOptions} options
 * @param {(fraction: number) => void} [onProgress]
 */
export function makeModel(out, options, onProgress) {
  writeModel(out, planModel(options), String(options.seed ?? 1), onProgress);
}

/**
 * @param {string} out
 * @param {import("./make_model.mjs").ModelPlan} plan
 * @param {string} seed
 * @param {(fraction: number) => void} [onProgress]
 */
export function writeModel(out, { header, tensors, fileBytes }, seed, onProgress) {
  mkdirSync(dirname(out), { recursive: true });
  const part = `${out}.${process.pid}-${randomBytes(4).toString("hex")}.part`;
  const file = openSync(part, "wx");
  try {
    try {
      let written = write(file, header);
      for (const tensor of tensors) {
        for (const chunk of tensorData(tensor, seed)) {
          written += write(file, chunk);
          onProgress?.(written / fileBytes);
        }
        written += write(file, Buffer.alloc(aligned(tensor.bytes) - tensor.bytes));
      }
      if (written !== fileBytes) throw new Error(`Expected to write ${fileBytes} bytes but wrote ${written}.`);
    } finally {
      closeSync(file);
    }
    renameSync(part, out);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/**
 * Where the model lies in the user's cache folder, or would.
 * @param {import("./make_model.mjs").ModelOptions} options
 */
export function cachedModelPath(options) {
  const entries = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256")
    .update(JSON.stringify([GENERATOR_VERSION, entries]))
    .digest("hex")
    .slice(0, 12);
  return join(cacheFolder(), "test-models", `hermes-${options.shape}-${options.added}-${hash}.gguf`);
}

/**
 * That path; makes the model when it is missing.
 * @param {import("./make_model.mjs").ModelOptions} options
 * @param {(fraction: number) => void} [onProgress]
 */
export function cachedModel(options, onProgress) {
  const path = cachedModelPath(options);
  if (!existsSync(path)) makeModel(path, options, onProgress);
  return path;
}

/**
 * The same folder as `cacheFolder` of src/files, which is not compiled yet when scripts run this; a test compares the
 * two.
 */
export function cacheFolder() {
  const { CADUCEUS_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (CADUCEUS_CACHE) return resolve(CADUCEUS_CACHE);
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "caduceus");
  if (process.platform === "win32") return join(LOCALAPPDATA || join(homedir(), "AppData", "Local"), "caduceus");
  return join(XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), ".cache"), "caduceus");
}

/** @param {number} file @param {Buffer} bytes */
function write(file, bytes) {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done);
  return done;
}

function main() {
  const { values } = parseArgs({
    options: {
      shape: { type: "string", default: "tiny" },
      added: { type: "string", default: "control" },
      quantization: { type: "string" },
      layers: { type: "string" },
      out: { type: "string" },
    },
  });
  const { shape, added, quantization, layers, out } = values;
  if (shape !== "tiny" && shape !== "7b" && shape !== "narrow")
    throw new RangeError(`Expected tiny, 7b or narrow for --shape but received ${shape}.`);
  if (added !== "control" && added !== "user-defined")
    throw new RangeError(`Expected control or user-defined for --added but received ${added}.`);
  const chosen = QUANTIZATIONS.find((name) => name === quantization);
  if (quantization !== undefined && chosen === undefined)
    throw new RangeError(
      `Expected one of ${QUANTIZATIONS.join(", ")} for --quantization but received ${quantization}.`,
    );
  /** @type {import("./make_model.mjs").ModelOptions} */
  const options = { shape, added };
  if (chosen !== undefined) options.quantization = chosen;
  if (layers !== undefined) options.layers = Number(layers);
  let shown = 0;
  const progress = (/** @type {number} */ fraction) => {
    const percent = Math.floor(fraction * 10) * 10;
    if (percent > shown) process.stderr.write(`${(shown = percent)} %\n`);
  };
  if (out === undefined) console.log(cachedModel(options, progress));
  else makeModel(out, options, progress);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 2;
  }
}
