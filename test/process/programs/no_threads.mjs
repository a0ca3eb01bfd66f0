// Loads a model again and again, where the system refuses one thread, until none was asked for that it could refuse, or
// so many were refused; prints as JSON the codes of the errors, and what the model that was loaded in the end says.
//   no_threads.mjs MODEL [MOST]
import { readFile, stat } from "node:fs/promises";
import { CaduceusError, load } from "../../../dist/index.js";

// libuv's own threads are there from here on.
await Promise.all(Array.from({ length: 8 }, () => stat(process.argv[2])));
const options = { contextSize: 256, threads: 2, prefixFolder: false };

const most = Number(process.argv[3] ?? 100);
const codes = [];
for (let thread = 0; thread < most; thread++) {
  process.env.CADUCEUS_REFUSED_THREAD = String(thread);
  try {
    const model = await load(process.argv[2], options);
    const wasRefused = process.env.CADUCEUS_REFUSED_THREAD === undefined;
    await model.close();
    if (!wasRefused) break;
    codes.push("loaded all the same");
  } catch (error) {
    codes.push(error instanceof CaduceusError ? error.code : String(error));
  }
}
delete process.env.CADUCEUS_REFUSED_THREAD;
const model = await load(process.argv[2], options);
const { usage } = await model.reply("Hello!", { maxTokens: 4, minTokens: 4 });
await model.close();
const threads = (await readFile("/proc/self/status", "utf8")).match(/^Threads:\s*(\d+)/m)[1];
console.log(JSON.stringify({ codes, generated: usage.generatedTokens, threads: Number(threads) }));
