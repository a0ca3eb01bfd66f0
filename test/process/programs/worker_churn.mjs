// Workers that load a model, generate and end at random moments: terminated, by process.exit, by an exception, by
// returning with and without closing. Prints as JSON how many ended in which way and what memory was in use meanwhile.
// Run it with --expose-gc.
//   worker_churn.mjs [workers = 60]
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "caduceus";
import { measure } from "./measure.mjs";
import { seeded } from "../../support/seeded.mjs";
import { modelPath } from "./traffic.mjs";

const ways = ["terminate", "terminate while loading", "exit", "throw", "return", "close"];

async function work({ path, way, seed }) {
  const random = seeded(seed);
  if (way === "terminate while loading") parentPort.postMessage("there");
  const model = await load(path, { threads: 1, contextSize: 512, prefixFolder: false });
  const replies = Array.from({ length: 1 + random.below(16) }, (_, n) =>
    model.reply(`Tell me of ${n}.`, { maxTokens: way === "close" ? 8 : 400 }),
  );
  parentPort.postMessage("there");
  if (way === "return") return; // Nobody reads them, and nobody closes the model.
  const all = Promise.all(
    replies.map((reply) =>
      reply.then(
        ({ text }) => text,
        () => "",
      ),
    ),
  );
  if (way === "close") {
    await all;
    return model.close();
  }
  await sleep(random.below(40));
  if (way === "exit") process.exit(0);
  if (way === "throw") throw new Error("on purpose");
  await all;
}

async function endOne(way, path, random) {
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { path, way, seed: random.below(1e6) },
    stdout: true,
    stderr: true,
  });
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  const failure = new Promise((resolve) => worker.once("error", resolve));
  await once(worker, "message");
  if (way.startsWith("terminate")) {
    await sleep(random.below(40));
    await worker.terminate();
  }
  await ended;
  if (way === "throw" && (await failure).message !== "on purpose") throw await failure;
}

async function main(workers) {
  const random = seeded(3);
  const path = modelPath();
  const counts = Object.fromEntries(ways.map((way) => [way, 0]));
  const later = [];
  for (let n = 0; n < workers; n++) {
    const way = ways[n % ways.length];
    await endOne(way, path, random);
    counts[way]++;
    if ((n + 1) % ways.length === 0) later.push(await measure({ workers: n + 1 }));
  }
  // The first of each kind make what all later ones use.
  const [, first, ...rest] = later;
  console.log(JSON.stringify({ counts, first, later: rest }));
}

if (isMainThread) await main(Number(process.argv[2] ?? 60));
else await work(workerData);
