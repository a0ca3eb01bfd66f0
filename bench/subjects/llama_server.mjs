// llama.cpp's server of the pinned tree, spoken to over its own API.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { llamaTool } from "../llama_tools.mjs";

/** @param {import("./subject.js").SubjectSettings} settings @returns {Promise<import("./subject.js").Subject>} */
export async function open({ model, contextSize, sequences, cacheTokens = contextSize * sequences, threads, embeds }) {
  const port = await freePort();
  const server = spawn(
    await llamaTool("llama-server"),
    [
      "-m",
      model,
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "-c",
      String(cacheTokens),
      "-np",
      String(sequences),
      "--kv-unified",
      "-t",
      String(threads),
      "-tb",
      String(threads),
      "-fa",
      "on",
      "--no-webui",
      "--slots",
      "--no-warmup",
      ...(embeds ? ["--embeddings", "--pooling", "mean"] : []),
    ],
    { stdio: "ignore" },
  );
  const gone = once(server, "exit");
  process.once("exit", () => server.kill("SIGKILL"));
  const base = `http://127.0.0.1:${port}`;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`llama-server ended with code ${server.exitCode}.`);
    // Read to its end, so that its connection is not left half used.
    if (
      await fetch(`${base}/health`).then(
        async (response) => (await response.text(), response.ok),
        () => false,
      )
    )
      break;
    await sleep(5);
  }
  return {
    pid: server.pid,
    async generate({ prompt, tokens, signal, onText, grammar }) {
      const body = JSON.stringify({
        prompt,
        n_predict: tokens,
        temperature: 0,
        ignore_eos: grammar === undefined,
        grammar,
        stream: true,
        cache_prompt: true,
      });
      let generated = 0;
      try {
        const response = await fetch(`${base}/completion`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
          ...(signal ? { signal } : {}),
        });
        if (!response.ok || response.body === null)
          throw new Error(`llama-server answered ${response.status}: ${await response.text()}`);
        let rest = "";
        for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
          const lines = (rest + chunk).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) {
            if (!line.startsWith("data: ")) continue;
            const event = JSON.parse(line.slice(6));
            if (event.stop) generated = event.tokens_predicted;
            else onText();
          }
        }
      } catch (error) {
        if (!signal?.aborted) throw error;
      }
      return generated;
    },
    async embed(texts) {
      const response = await fetch(`${base}/v1/embeddings`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ input: texts }),
      });
      if (!response.ok) throw new Error(`llama-server answered ${response.status}: ${await response.text()}`);
      return /** @type {{ data: unknown[] }} */ (await response.json()).data.length;
    },
    async idle() {
      for (;;) {
        const slots = /** @type {Array<{ is_processing: boolean }>} */ (await (await fetch(`${base}/slots`)).json());
        if (slots.every((slot) => !slot.is_processing)) return;
      }
    },
    async close() {
      server.kill("SIGTERM");
      await gone;
    },
  };
}

/** @returns {Promise<number>} */
async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
