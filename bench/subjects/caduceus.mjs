import { setTimeout as sleep } from "node:timers/promises";
import { load } from "caduceus";

/** @param {import("./subject.js").SubjectSettings} settings @returns {Promise<import("./subject.js").Subject>} */
export async function open({
  model: file,
  contextSize,
  sequences,
  cacheTokens = contextSize * sequences,
  threads,
  own = {},
}) {
  // Words without meaning end in repetitions, which prompt lookup would make up for; nobody else has them.
  const model = await load(file, {
    contextSize,
    cacheTokens,
    threads,
    prefixFolder: false,
    promptLookup: false,
    ...own,
  });
  const logitBias = model.info.endOfGenerationTokens.map((token) => /** @type {const} */ ([token, -Infinity]));
  return {
    async generate({ prompt, tokens, signal, onText, own = {} }) {
      const reply = model.complete(prompt, {
        maxTokens: tokens,
        temperature: 0,
        logitBias,
        ...own,
        ...(signal ? { signal } : {}),
      });
      let generated = 0;
      try {
        for await (const event of reply) {
          if (event.type === "text") onText();
          else if (event.type === "finish") generated = event.usage.generatedTokens;
        }
      } catch (error) {
        if (!signal?.aborted) throw error;
      }
      return generated;
    },
    async embed(texts) {
      return (await model.embed(texts)).embeddings.length;
    },
    async idle() {
      while (model.stats().running > 0) await sleep(0);
    },
    close: () => model.close(),
  };
}
