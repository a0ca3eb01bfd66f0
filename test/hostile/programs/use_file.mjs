// Loads a file and asks it something, and tells what came of it and what it cost. `node use_file.mjs FILE
// [ABORT_AFTER_MS]`, with the options as JSON on standard input; `first` is asked before the prompt.
import { readFileSync } from "node:fs";
import { load } from "../../../dist/index.js";
import { watchLoop } from "../../support/time/loop_watch.mjs";

const [file, abortAfterMs] = process.argv.slice(2);
const { prompt = "Hi there, how are you?", first, reply = {}, ...loading } = JSON.parse(readFileSync(0, "utf8"));
const loop = watchLoop();
const began = performance.now();
const told = {};
try {
  const signal = abortAfterMs === undefined ? undefined : AbortSignal.timeout(Number(abortAfterMs));
  const model = await load(file, { contextSize: 256, threads: 1, signal, ...loading });
  told.loaded = true;
  if (first !== undefined) await model.complete(first, { maxTokens: 1 }).catch((error) => (told.first = error.code));
  const { text, finishReason } = await model.complete(prompt, { maxTokens: 4, ...reply });
  Object.assign(told, { text, finishReason });
  await model.close();
} catch (error) {
  Object.assign(told, { name: error.name, code: error.code, message: error.message });
}
const longestDelayMs = await loop.longestMs();
loop.end();
console.log(
  JSON.stringify({
    ...told,
    ms: performance.now() - began,
    longestDelayMs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
