// Models in worker threads: terminated in the phase its argument names, or two at once.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "caduceus";

const question = ["Why is the sky blue?", { temperature: 0, maxTokens: 12 }];

async function work(phase) {
  if (phase === "load") return void load("smollm2", { onProgress: () => parentPort.postMessage("there") });
  const model = await load("smollm2", { contextSize: 4096 });
  if (phase === "answer") {
    parentPort.postMessage((await model.reply(...question)).text);
    return model.close();
  }
  const reply = phase === "prefill" ? model.reply("All work and no play makes a dull text. ".repeat(350)) : model.reply("Tell a very long story.");
  if (phase === "decode") await reply.textStream[Symbol.asyncIterator]().next();
  else while (model.stats().running === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  parentPort.postMessage("there");
  await reply.catch(() => {});
}

const begin = (phase) => new Worker(new URL(import.meta.url), { workerData: phase });

async function main(scenario) {
  if (scenario === "two at once") {
    const answers = await Promise.all(["answer", "answer"].map(async (phase) => (await once(begin(phase), "message"))[0]));
    console.log(answers[0] !== "" && answers[0] === answers[1]);
  } else {
    for (let round = 0; round < 3; round++) {
      const worker = begin(scenario);
      await once(worker, "message");
      await worker.terminate();
    }
  }
  // What was left behind serves the next one.
  const model = await load("smollm2");
  const { text } = await model.reply(...question);
  console.log(text.length > 0);
  await model.close();
}

if (isMainThread) await main(process.argv[2]);
else await work(workerData);
