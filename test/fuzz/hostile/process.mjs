// The side that is attacked, in a process of its own: a server, a model to hold schemas against, or a loader of files.
// It says over IPC what came of each input, and how long its event loop stood still.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createHandler, listen } from "../../../dist/server/index.js";
import { inspectModel, load } from "../../../dist/index.js";
import { cachedModel } from "../../support/gguf/make_model.mjs";

/** What the bounds of time are multiplied with. */
const patience = Number(process.env.CADUCEUS_HOSTILE_PATIENCE ?? 1);
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const worstDelayMs = () => {
  const worst = Math.round(delay.max / 1e6);
  delay.reset();
  return worst;
};
let used = process.cpuUsage();
/** The processor's time since it was last asked. */
const cpuMs = () => {
  const { user, system } = process.cpuUsage(used);
  used = process.cpuUsage();
  return Math.round((user + system) / 1000);
};
const hermes = () =>
  load(cachedModel({ shape: "tiny", added: "user-defined" }), { contextSize: 1024, prefixFolder: false });
/** @param {object} message */
const say = (message) => process.send?.(message);

/** @param {unknown} error */
const outcomeOf = (error) => {
  const { name, code, message } = /** @type {{ name?: string, code?: string, message?: string }} */ (error);
  return name === "CaduceusError" ? { code } : { wrong: `${name}: ${message}`.slice(0, 500) };
};

/** @type {Record<string, () => Promise<(input: any) => Promise<object>>>} */
const roles = {
  async requests() {
    const wrong = /** @type {string[]} */ ([]);
    const server = await listen(
      createHandler({
        models: { hermes: await hermes() },
        replyTimeoutMs: 60_000 * patience,
        onError: (error) => wrong.push(String(/** @type {Error} */ (error)?.stack ?? error)),
      }),
      { port: 0 },
    );
    say({ port: server.port });
    return async () => ({ wrong: wrong.splice(0).join("\n") || undefined });
  },
  async schemas() {
    const model = await hermes();
    say({});
    return async ({ schema: text, as }) => {
      try {
        const schema = JSON.parse(text);
        const options =
          as === "tool"
            ? {
                tools: [{ type: "function", function: { name: "a", parameters: schema } }],
                toolChoice: "required",
                maxRounds: 1,
              }
            : { schema };
        const { finishReason } = await model.reply("Hi", {
          .../** @type {any} */ (options),
          maxTokens: 24,
          signal: AbortSignal.timeout(60_000 * patience),
        });
        return { code: finishReason };
      } catch (error) {
        return outcomeOf(error);
      }
    };
  },
  async headers() {
    say({});
    return async ({ path }) => {
      const started = performance.now();
      const inspected = await inspectModel(path).then(() => ({ code: "read" }), outcomeOf);
      try {
        const model = await load(path, {
          contextSize: 256,
          prefixFolder: false,
          signal: AbortSignal.timeout(20_000 * patience),
        });
        try {
          await model.reply("Hi there", { maxTokens: 4, signal: AbortSignal.timeout(20_000 * patience) });
        } finally {
          await model.close();
        }
        return { ...inspected, code: "loaded", ms: performance.now() - started };
      } catch (error) {
        return {
          ...inspected,
          .../** @type {Error} */ (
            error.name === "TimeoutError" ? { wrong: `took longer than ${20 * patience} s` } : outcomeOf(error)
          ),
          ms: performance.now() - started,
        };
      }
    };
  },
};

const role = /** @type {string} */ (process.argv[2]);
const work = await /** @type {NonNullable<typeof roles[string]>} */ (roles[role])();
delay.reset();
cpuMs();
process.on("message", async (input) => {
  const outcome = await work(input);
  // The delay of what was just done is counted at the next turn of the loop.
  setTimeout(() => say({ outcome, delayMs: worstDelayMs(), cpuMs: cpuMs(), rss: process.memoryUsage().rss }), 12);
});
process.on("disconnect", () => process.exit());
