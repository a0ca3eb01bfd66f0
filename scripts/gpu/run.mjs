// Runs all checks and measurements on this machine's GPU, each in a process of its own with a time of its own, so that
// one that hangs or crashes costs no other. What is known is written after each. `run` in the folder that
// scripts/gpu/main.mjs makes starts it; it needs nothing but that folder and NVIDIA's driver with cuBLAS.
//
//   run [--dry] [--only=offload,…] [--out=FOLDER] [--seconds=480] [--architectures=90]
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import path from "node:path";
import { describeMachine, hasNvidia } from "./machine.mjs";
import { moduleFolder } from "./module.mjs";
import { markdown } from "./report.mjs";
import { dryFactor, steps } from "./steps.mjs";

/** @typedef {import("./report.mjs").Result} Result @typedef {Partial<Result> & { why?: string }} Outcome */

const folder = fileURLToPath(new URL("../..", import.meta.url));
const program = fileURLToPath(new URL("step_process.mjs", import.meta.url));
const { values } = readFlags();

const begin = performance.now();
const machine = describeMachine();
const dry = values.dry === true || !hasNvidia(machine);
const kind = dry ? "vulkan" : "cuda";
const limit = Number(values.seconds ?? 480 * (dry ? dryFactor : 1));
if (!(limit > 0)) {
  say(`Invalid value for --seconds: ${values.seconds}. Expected a number above 0.`);
  process.exit(2);
}
const secondsLeft = () => limit - (performance.now() - begin) / 1000;
const out = path.resolve(values.out);
mkdirSync(out, { recursive: true });

const gpus = machine.gpus.map(({ name }) => name).join(", ");
const described = `${dry ? "Dry run through Vulkan" : `${gpus || "an NVIDIA GPU"}, driver ${machine.driver ?? "unknown"}`}; ${cpus()[0]?.model.trim()}, ${availableParallelism()} processors, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
say(described);
const isBuilt =
  existsSync(moduleFolder(kind)) && readdirSync(moduleFolder(kind)).some((name) => name.includes(`ggml-${kind}-`));
const lacks = dry ? [] : [...machine.missing, ...(isBuilt ? [] : machine.missingToBuild)];
for (const what of lacks) say(`Missing: ${what}.`);
if (!dry)
  say(
    isBuilt
      ? "The module for CUDA is there."
      : `The module for CUDA is built first${machine.toolkit ? `, by ${machine.toolkit}` : ""}.`,
  );

const libraries = [path.join(folder, "bin"), ...machine.libraryFolders, process.env.LD_LIBRARY_PATH].filter(Boolean);
const environment = {
  ...process.env,
  LD_LIBRARY_PATH: libraries.join(":"),
  CADUCEUS_LLAMA_TOOLS: path.join(folder, "bin"),
  CADUCEUS_PREBUILD: "",
  CADUCEUS_CACHE: path.join(folder, "cache"),
  ...(machine.toolkit === undefined ? {} : { CUDA_PATH: machine.toolkit }),
  ...(dry ? { GGML_VK_VISIBLE_DEVICES: process.env.GGML_VK_VISIBLE_DEVICES ?? "0" } : {}),
};

/** @type {Result[]} */
const results = [];
const wanted = values.only?.split(",");
const unknown = wanted?.find((name) => !steps.some((step) => step.name === name));
if (unknown !== undefined) {
  say(`Invalid value for --only: ${unknown}. Expected some of ${steps.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}

// The model is made while the module is built.
const large = path.join(folder, "models", dry ? "tiny.gguf" : "7b.gguf");
const [small, generated] = ["smollm2.gguf", "7b-4.gguf"].map((name) => path.join(folder, "models", name));
const textFile = existsSync(small) ? small : dry ? large : generated;
/** @type {Promise<string | undefined>[]} */
const models = [
  makeModel(large, dry ? { shape: "tiny", added: "control" } : { shape: "7b", added: "control" }),
  ...(textFile === generated ? [makeModel(textFile, { shape: "7b", added: "control", layers: 4 })] : []),
];
const moduleProblem = await prepareModule();
const modelProblem = (await Promise.all(models)).find((why) => why !== undefined);
const problem = moduleProblem ?? modelProblem;
for (const step of steps) {
  if (wanted !== undefined && !wanted.includes(step.name)) continue;
  const { title } = step;
  const budget = Math.min(step.seconds * (dry ? dryFactor : 1), secondsLeft() - 2);
  if (problem !== undefined || budget < 5) {
    record({
      title,
      state: "not run",
      seconds: 0,
      why: problem ?? "No time was left.",
      remedy: problem === undefined ? `--only=${step.name}` : undefined,
    });
    continue;
  }
  const gpuBytes = machine.gpus.reduce((sum, { memoryBytes = 0 }) => sum + memoryBytes, 0);
  // On a device of software one text of a real model is enough.
  const text = dry && step.name !== "offload" ? large : textFile;
  const { seconds, ...outcome } = await runStep(step.name, { text, large, gpuBytes, dry }, budget);
  const missed = outcome.rows?.some(({ claims }) => claims.some(({ met }) => !met)) === true && !dry;
  const incomplete = outcome.rows?.find(
    ({ figures }) => figures.caduceus === undefined || Object.keys(figures).length < 3,
  );
  const why = outcome.why ?? (incomplete && `"${incomplete.name}" lacks figures, see above for what was left out.`);
  record({
    title,
    ...outcome,
    state: why !== undefined ? "failed" : missed ? "missed" : "passed",
    seconds,
    why,
    remedy: why === undefined ? undefined : step.remedy,
  });
}
const bad = results.filter(({ state }) => state !== "passed");
say(
  `${results.length - bad.length} of ${results.length} passed${bad.length > 0 ? `; not: ${bad.map(({ title, state }) => `${title} (${state})`).join("; ")}` : ""}. ${Math.round(limit - secondsLeft())} s. Report: ${path.join(out, "gpu.md")}`,
);
// What could not be ended is not waited for.
process.exit(bad.length > 0 ? 1 : 0);

/** @returns {Promise<string | undefined>} what is wrong with it */
async function prepareModule() {
  if (!isBuilt) {
    if (dry) return "The module for Vulkan is not in this folder: make it anew with `npm run test:gpu`.";
    if (machine.missingToBuild.length > 0)
      return `The module for CUDA is not there and cannot be built: missing ${machine.missingToBuild.join("; ")}.`;
    const architectures = values.architectures ?? machine.gpus.find(({ architecture }) => architecture)?.architecture;
    const { seconds, ...outcome } = await runStep("module", { kind, architectures }, Math.min(330, secondsLeft() - 60));
    record({
      title: `the module for CUDA, architecture ${architectures ?? "of ggml's choice"}`,
      ...outcome,
      state: outcome.why === undefined ? "passed" : "failed",
      seconds,
      remedy:
        "run it again, it goes on where it stopped; or make the folder with `npm run test:gpu -- --pack --architectures=90`, which builds the module first",
    });
    if (outcome.why !== undefined) return "There is no module for CUDA.";
  }
  // One package, so that no other can take its place.
  rmSync(path.join(folder, "node_modules/@caduceus"), { recursive: true, force: true });
  mkdirSync(path.join(folder, "node_modules/@caduceus"));
  symlinkSync(path.join("../../packages", kind), path.join(folder, "node_modules/@caduceus", kind));
  // llama.cpp's own programs look for the module by another name, and take any that is there.
  for (const name of readdirSync(path.join(folder, "bin")))
    if (/^libggml-(cuda|vulkan)\.so$/.test(name)) rmSync(path.join(folder, "bin", name));
  for (const name of readdirSync(moduleFolder(kind))) {
    const link = path.join(folder, "bin", `libggml-${kind}.so`);
    place(path.join(moduleFolder(kind), name), link);
  }
  return undefined;
}

/** @param {string} file @param {object} options @returns {Promise<string | undefined>} */
async function makeModel(file, options) {
  if (existsSync(file)) return undefined;
  const { why } = await runStep("model", { file, options }, 240);
  return why === undefined ? undefined : `A model could not be made: ${why}`;
}

/** @param {string} from @param {string} to */
function place(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** @param {string} name @param {object} settings @param {number} budget @returns {Promise<Outcome & { seconds: number }>} */
function runStep(name, settings, budget) {
  const started = performance.now();
  const result = path.join(out, `${name}-${Math.random().toString(36).slice(2, 8)}.json`);
  const logFile = path.join(out, `${name}.log`);
  const log = openSync(logFile, "a");
  say(`${name} …`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, name, JSON.stringify({ ...settings, result })], {
      cwd: folder,
      env: environment,
      stdio: ["ignore", log, log],
      // A group of its own: what it starts ends with it.
      detached: true,
    });
    let overdue = false;
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It is gone.
      }
    };
    const late = `It took longer than its ${Math.round(budget)} s.`;
    const timer = setTimeout(() => {
      overdue = true;
      kill();
      // A driver that hangs may keep it all the same.
      setTimeout(() => settle(`${late} It could not be ended.`), 5000).unref();
    }, budget * 1000);
    process.once("exit", kill);
    const settle = (/** @type {string | undefined} */ why) => {
      clearTimeout(timer);
      process.removeListener("exit", kill);
      kill();
      const seconds = (performance.now() - started) / 1000;
      const written = existsSync(result) ? readFileSync(result, "utf8") : "";
      rmSync(result, { force: true });
      const outcome = /** @type {Outcome} */ (written === "" ? {} : JSON.parse(written));
      const failure = outcome.why ?? (written === "" ? why : undefined);
      resolve({ ...outcome, seconds, ...(failure === undefined ? {} : { why: `${failure} Its log: ${logFile}.` }) });
    };
    child.on("error", ({ message }) => settle(`It could not be started: ${message}.`));
    child.on("close", (code, signal) =>
      settle(
        overdue
          ? `It took longer than its ${Math.round(budget)} s.`
          : `Its process ended with ${signal ?? `code ${code}`}.`,
      ),
    );
  });
}

/** @param {Result} result */
function record(result) {
  results.push(result);
  say(`${result.title}: ${result.state} (${result.seconds.toFixed(1)} s). ${result.why ?? result.saw ?? ""}`);
  if (result.remedy !== undefined && result.state !== "passed") say(`  Try this: ${result.remedy}.`);
  for (const { name, figures, claims } of result.rows ?? []) {
    const all = Object.entries(figures).map(
      ([who, given]) => `${who} ${given.map((value) => value.toPrecision(4)).join(", ")}`,
    );
    say(
      `  ${name}: ${[...all, ...claims.map(({ text, value, met }) => `${text}: ${value.toPrecision(3)}${met ? "" : " missed"}`)].join("; ")}`,
    );
  }
  writeFileSync(path.join(out, "gpu.md"), markdown(described, results));
  writeFileSync(path.join(out, "gpu.json"), `${JSON.stringify({ machine, described, dry, results }, null, 2)}\n`);
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}

function readFlags() {
  const text = /** @type {const} */ ({ type: "string" });
  try {
    return parseArgs({
      options: {
        dry: { type: "boolean" },
        only: text,
        out: { type: "string", default: path.join(folder, "report") },
        seconds: text,
        architectures: text,
      },
    });
  } catch (error) {
    say(/** @type {Error} */ (error).message);
    say(
      `Flags: --dry, --only=${steps.map(({ name }) => name).join(",")}, --out=FOLDER, --seconds=480, --architectures=90.`,
    );
    process.exit(2);
  }
}
