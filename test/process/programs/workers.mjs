// Models in worker threads: terminated in the phase its first argument names, or two at once, with as many replies at
// work in each as the second says.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "caduceus";

const ask = (model, n) => model.reply(`Why is the sky blue, in ${n} words?`, { temperature: 0, maxTokens: 12 });
const longPrompt = (n, count) => `${n} ${"All work and no play makes a dull text. ".repeat(350 / count)}`;

async function until(isTrue) {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function work({ phase, count }) {
  const numbers = Array.from({ length: count }, (_, n) => n + 1);
  if (phase === "load") return void load("smollm2", { onProgress: () => parentPort.postMessage("there") });
  const model = await load("smollm2", { contextSize: 4096 });
  if (phase === "answer") {
    parentPort.postMessage((await Promise.all(numbers.map((n) => ask(model, n)))).map(({ text }) => text));
    return model.close();
  }
  const replies = numbers.map((n) =>
    model.reply(phase === "prefill" ? longPrompt(n, count) : `Tell a very long story about ${n} ships.`),
  );
  if (phase === "decode") await Promise.all(replies.map((reply) => reply.textStream[Symbol.asyncIterator]().next()));
  else await until(() => model.stats().running === count);
  parentPort.postMessage("there");
  await Promise.all(replies.map((reply) => reply.catch(() => {})));
}

async function main(scenario, count) {
  const begin = (phase) => new Worker(new URL(import.meta.url), { workerData: { phase, count } });
  if (scenario === "two at once") {
    const [first, second] = await Promise.all(
      ["answer", "answer"].map(async (phase) => (await once(begin(phase), "message"))[0]),
    );
    // In company a tie may fall otherwise.
    const equal = first.filter((text, n) => text !== "" && text === second[n]).length;
    console.log(first.length === count && equal >= count / 2);
  } else {
    for (let round = 0; round < 3; round++) {
      const worker = begin(scenario);
      await once(worker, "message");
      await worker.terminate();
    }
  }
  // What was left behind serves the next one.
  const model = await load("smollm2");
  console.log((await ask(model, 1)).text.length > 0);
  await model.close();
}

if (isMainThread) await main(process.argv[2], Number(process.argv[3] ?? 1));
else await work(workerData);
