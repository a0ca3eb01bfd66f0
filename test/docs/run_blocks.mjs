// Runs compiled blocks of the pages one after the other, in one process and over one addon: `node run_blocks.mjs FILE
// …`. Prints a line of JSON for each: what it wrote, or how it failed.
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { load, setLog } from "caduceus";
import { createHandler, listen } from "caduceus/server";

const longestMs = 120_000;

// Answers end early: what they say is not the point here, and the suite has little time. JSON and calls have to come to
// their end, and the same one each time.
const freeTokens = 12;
const exactTokens = 64;
const first = await load("smollm2", { contextSize: 256 });
const models = Object.getPrototypeOf(first);
const chats = Object.getPrototypeOf(first.chat());
await first.close();
process.env.LLM_SERVER = (await listen(createHandler({ models: { smollm2: load("smollm2") } }), { port: 0 })).url;
for (const [prototype, name] of [
  [models, "reply"],
  [models, "complete"],
  [chats, "send"],
]) {
  const original = prototype[name];
  prototype[name] = function (input, options) {
    const isFree = options?.schema === undefined && options?.tools === undefined;
    const most = isFree ? freeTokens : exactTokens;
    return original.call(this, input, {
      seed: 1,
      ...(isFree ? {} : { maxRounds: 2 }),
      ...options,
      maxTokens: Math.min(options?.maxTokens ?? most, most),
    });
  };
}

// Packages that a block imports may end the process on a signal, later than the block itself.
const exit = process.exit.bind(process);
process.exit = () => {};

const print = process.stdout.write.bind(process.stdout);
let written = "";
process.stdout.write = (chunk) => ((written += chunk), true);

for (const file of process.argv.slice(2)) {
  written = "";
  let failure;
  const began = performance.now();
  try {
    await Promise.race([
      import(pathToFileURL(file).href),
      sleep(longestMs, undefined, { ref: false }).then(() =>
        Promise.reject(new Error("It did not come to its end in two minutes.")),
      ),
    ]);
    // Servers say on their page how they are stopped.
    process.emit("SIGTERM");
  } catch (error) {
    failure = error instanceof Error ? error.stack : String(error);
  }
  process.removeAllListeners("SIGTERM");
  setLog(undefined);
  print(`${JSON.stringify({ file, written, failure, milliseconds: Math.round(performance.now() - began) })}\n`);
}
// What a block leaves open (a model, a port) is no reason to stay.
exit();
