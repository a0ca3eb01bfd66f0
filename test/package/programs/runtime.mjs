// What a runtime must be able to do with the package: the scenario that the first argument names, on the model file of
// the second.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "caduceus";

const greedy = { temperature: 0, deterministic: true, maxTokens: 12 };
const ask = async (model) => (await model.reply("Why is the sky blue?", greedy)).text;
const longPrompt = "All work and no play makes a dull text. ".repeat(400);
const endless = (model) =>
  model.reply("Tell a very long story about lighthouses.", {
    logitBias: model.info.endOfGenerationTokens.map((token) => [token, -Infinity]),
  });
const isRunning = async (model) => {
  while (model.stats().running === 0) await new Promise((resolve) => setTimeout(resolve, 1));
};

const [scenario, file] = process.argv.slice(2);
const scenarios = {
  generate: async (model) => {
    console.log(JSON.stringify(await ask(model)));
    await model.close();
  },
  "enforce a schema": async (model) => {
    const schema = {
      type: "object",
      properties: { age: { type: "integer", minimum: 0, maximum: 150 } },
      required: ["age"],
      additionalProperties: false,
    };
    const { value } = await model.reply("Anna is 31.", { schema, temperature: 0 });
    console.log(Object.keys(value).join(), Number.isInteger(value.age));
    await model.close();
  },
  "abort in prefill": async (model) => {
    const controller = new AbortController();
    const reply = model.reply(longPrompt, { signal: controller.signal });
    await isRunning(model);
    controller.abort();
    console.log(
      await reply.then(
        () => "it went on",
        (error) => error.name,
      ),
      model.stats().generatedTokens,
    );
    await model.close();
  },
  "leave the loop": async (model) => {
    let seen = 0;
    for await (const _ of endless(model).textStream) if (++seen === 3) break;
    console.log(seen, model.stats().running);
    await model.close();
  },
  "end with an idle model": async (model) => {
    console.log((await ask(model)).length > 0);
  },
  "survive a crash": async (model) => {
    await model.close();
    const isolated = await load(file, { isolate: true, contextSize: 1024 });
    const before = await ask(isolated);
    const [child] = execFileSync("pgrep", ["-P", String(process.pid)], { encoding: "utf8" }).split("\n");
    const crashed = (async () => {
      for await (const _ of endless(isolated).textStream) process.kill(Number(child), "SIGKILL");
    })();
    console.log(await crashed.catch((error) => error.code), (await ask(isolated)) === before);
  },
  "exit in decode": async (model) => {
    for await (const _ of endless(model).textStream) process.exit(7);
  },
  "fail in decode": async (model) => {
    let seen = 0;
    for await (const _ of endless(model).textStream) {
      if (++seen === 1)
        setTimeout(() => {
          throw new Error("nobody catches this");
        });
      if (seen === 50) break;
    }
    await model.close();
    console.log("it went on");
  },
};

async function terminateWorkers(file) {
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { file } });
    await once(worker, "message");
    await worker.terminate();
  }
  const model = await load(file);
  console.log((await ask(model)).length > 0);
  await model.close();
}

if (!isMainThread) {
  const model = await load(workerData.file, { contextSize: 1024 });
  for await (const _ of endless(model).textStream) parentPort.postMessage("there");
} else {
  if (scenario === "terminate workers") await terminateWorkers(file);
  else await scenarios[scenario](await load(file, { contextSize: 8192 }));
}
