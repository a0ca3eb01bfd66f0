// Sends what a stranger could send: damaged requests to a server, schemas meant to stop it, model files that lie.
// Nothing may crash, hang, answer with 500, or keep the event loop for long; what is refused is refused with a code.
// Usage, after a build: node test/fuzz/hostile_fuzz.mjs requests|schemas|headers [seconds, default 60] [seed]
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { damaged, headerFields, readWhole } from "./hostile/headers.mjs";
import { hostileRequest } from "./hostile/requests.mjs";
import { hostileSchema } from "./hostile/schemas.mjs";
import { cachedModel } from "../support/gguf/make_model.mjs";
import { seeded } from "../support/seeded.mjs";

const kind = process.argv[2] ?? "requests";
const seconds = Number(process.argv[3] ?? 60);
const seed = Number(process.argv[4] ?? Date.now() % 2 ** 31);
const random = seeded(seed);

/** What the bounds of time are multiplied with: other programs run as well, or a sanitizer is in the build. */
const patience = Number(process.env.CADUCEUS_HOSTILE_PATIENCE ?? 1);
/**
 * Of one input, and as much of the processor's time: where the machine does other things, all inputs wait. The issue
 * that this holds was of 1.7 seconds and more.
 */
const longestDelayMs = 1_000 * patience;
const longestMs = 90_000 * patience;
const mostGrowth = 1.5 * 2 ** 30;

/** The attacked process. A new one takes the place of one that is gone. */
class Attacked {
  #child = /** @type {import("node:child_process").ChildProcess | undefined} */ (undefined);
  #waiting = /** @type {{ resolve: (message: any) => void, reject: (error: Error) => void } | undefined} */ (undefined);
  port = 0;

  async start() {
    const child = fork(new URL("hostile/process.mjs", import.meta.url), [kind], { serialization: "advanced" });
    this.#child = child;
    child.on("message", (message) => this.#waiting?.resolve(message));
    child.on("exit", (code, signal) => this.#waiting?.reject(new Error(`the process ended with ${signal ?? code}`)));
    this.port = (await this.#next()).port;
  }

  /**
   * @param {unknown} input
   * @returns {Promise<{ outcome: { code?: string, wrong?: string, ms?: number }, delayMs: number, cpuMs: number, rss:
   * number }>}
   */
  ask(input) {
    const answer = this.#next();
    this.#child?.send(/** @type {any} */ (input));
    return answer;
  }

  /** @returns {Promise<any>} */
  #next() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came within ${longestMs} ms`)), longestMs);
      this.#waiting = {
        resolve: (message) => (clearTimeout(timer), resolve(message)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
    });
  }

  stop() {
    this.#child?.removeAllListeners("exit");
    this.#child?.kill("SIGKILL");
  }
}

const folder = mkdtempSync(path.join(tmpdir(), "caduceus-fuzz-"));
const attacked = new Attacked();
/** @type {Record<string, number>} */
const outcomes = {};
let slowest = 0;

/** @param {string} outcome */
const count = (outcome) => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};

/** @param {string} what @param {unknown} input */
function fail(what, input) {
  const file = path.join(tmpdir(), `caduceus-fuzz-${kind}-${seed}.txt`);
  const text = typeof input === "string" || Buffer.isBuffer(input) ? input : JSON.stringify(input);
  writeFileSync(file, text);
  throw new Error(`seed ${seed}: ${what}\n${String(text).slice(0, 1500)}\nThe whole input is in ${file}.`);
}

/** @param {unknown} input @param {unknown} [shown] */
async function judge(input, shown = input) {
  const result = await attacked.ask(input).catch((error) => fail(error.message, shown));
  if (result.outcome.wrong !== undefined) fail(result.outcome.wrong, shown);
  const delayMs = Math.min(result.delayMs, result.cpuMs);
  if (delayMs > longestDelayMs) fail(`the event loop stood still for ${delayMs} ms`, shown);
  if (result.rss - baseline > mostGrowth) fail(`memory grew to ${Math.round(result.rss / 2 ** 20)} MiB`, shown);
  slowest = Math.max(slowest, delayMs);
  if (result.outcome.code !== undefined) count(result.outcome.code);
}

/** The last piece of a stream, each API's own. */
const ends = /\[DONE\]$|"type":"message_stop"|^event: response\.(completed|incomplete)\n|"done":true/;

/** Of an error in the form of its API; Ollama's has a message alone. @param {any} answer @returns {string | undefined} */
function codeOf({ error }) {
  return typeof error === "string" ? error : (error?.code ?? error?.details?.error_code);
}

async function requests() {
  const sent = Array.from({ length: 1 + random.below(3) }, () => hostileRequest(random));
  await Promise.all(
    sent.map(async (one) => {
      const aborts = random.below(10) === 0;
      try {
        const response = await fetch(`http://127.0.0.1:${attacked.port}${one.path}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: one.body,
          signal: AbortSignal.timeout(aborts ? 1 + random.below(50) : longestMs),
        });
        const text = await response.text();
        count(String(response.status));
        if (response.status >= 500) fail(`status ${response.status}: ${text.slice(0, 500)}`, one);
        const type = response.headers.get("content-type") ?? "";
        if (/event-stream|ndjson/.test(type)) {
          const last =
            text
              .trimEnd()
              .split(type.includes("ndjson") ? "\n" : "\n\n")
              .at(-1) ?? "";
          if (!ends.test(last) && !last.includes('"error"')) fail("a stream without its end", one);
        } else {
          const answer = JSON.parse(text);
          if (response.status >= 400 && codeOf(answer) === undefined) fail(`no code in ${text.slice(0, 300)}`, one);
        }
      } catch (error) {
        if (aborts && /** @type {Error} */ (error).name === "TimeoutError") return count("aborted");
        throw /** @type {Error} */ (error).message.startsWith("seed ") ? error : fail(String(error), one);
      }
    }),
  );
  const health = await fetch(`http://127.0.0.1:${attacked.port}/health`);
  if (health.status !== 200) fail(`/health: ${health.status}`, sent);
  await health.text();
  await judge({}, sent);
  return sent.length;
}

/** As a client's would arrive; what not even JSON.stringify gets through is nobody's. @param {unknown} value */
function asSent(value) {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    if (error instanceof RangeError) return "{}";
    throw error;
  }
}

async function schemas() {
  // As text: what is nested very deep does not come through between processes.
  const schema = asSent(hostileSchema(random));
  await judge({ schema, as: random.pick(["tool", "answer"]) }, schema);
  return 1;
}

const original = readWhole(cachedModel({ shape: "tiny", added: "control" }));
const { fields, end } = headerFields(original);
async function headers() {
  const { file, changes } = damaged(original, fields, random);
  const target = path.join(folder, "damaged.gguf");
  writeFileSync(target, random.below(8) === 0 ? file.subarray(0, random.below(end)) : file);
  await judge({ path: target }, changes);
  return 1;
}

await attacked.start();
let baseline = Infinity;
baseline = (
  await attacked.ask(
    kind === "headers"
      ? { path: path.join(folder, "none.gguf") }
      : kind === "schemas"
        ? { schema: "{}", as: "answer" }
        : {},
  )
).rss;
const round = /** @type {Record<string, () => Promise<number>>} */ ({ requests, schemas, headers })[kind];
if (round === undefined) throw new Error(`Expected requests, schemas or headers but received ${kind}.`);
const until = performance.now() + seconds * 1000;
let inputs = 0;
try {
  while (performance.now() < until) inputs += await round();
} finally {
  attacked.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(
  `${inputs} ${kind}, seed ${seed}: ${JSON.stringify(outcomes)}, longest delay of the event loop ${slowest} ms\n`,
);
