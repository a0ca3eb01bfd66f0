// Caduceus and node-llama-cpp, each with a llama.cpp of its own, in one process: loaded in the order named, they write
// at the same time. With `workers` each in a thread of its own.
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const open = {
  async caduceus(file) {
    const { load } = await import("caduceus");
    const model = await load(file, { contextSize: 512, prefixFolder: false });
    return {
      write: async () => (await model.complete("The sky is blue because", { temperature: 0, maxTokens: 16 })).text,
      close: () => model.close(),
    };
  },
  async peer(file) {
    const { getLlama } = await import(process.env.PEER);
    const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: "error" });
    const model = await llama.loadModel({ modelPath: file });
    const context = await model.createContext({ contextSize: 512, threads: 1 });
    return {
      async write() {
        const tokens = [];
        for await (const token of context
          .getSequence()
          .evaluate(model.tokenize("The sky is blue because"), { temperature: 0 }))
          if (tokens.push(token) === 16) break;
        return model.detokenize(tokens);
      },
      close: () => llama.dispose(),
    };
  },
};

async function inThisThread(file, names) {
  const opened = [];
  for (const name of names) opened.push(await open[name](file));
  const texts = await Promise.all(opened.map(({ write }) => write()));
  for (const { close } of opened) await close();
  return texts;
}

if (isMainThread) {
  const [file, how, ...names] = process.argv.slice(2);
  const texts =
    how === "workers"
      ? (
          await Promise.all(
            names.map(
              (name) =>
                new Promise((resolve, reject) =>
                  new Worker(new URL(import.meta.url), { workerData: [file, name] })
                    .once("message", resolve)
                    .once("error", reject),
                ),
            ),
          )
        ).flat()
      : await inThisThread(file, names);
  console.log(JSON.stringify(Object.fromEntries(names.map((name, n) => [name, texts[n]]))));
} else {
  const [file, name] = workerData;
  parentPort.postMessage(await inThisThread(file, [name]));
}
