import { llamaNode } from "../peers/index.mjs";

/** @param {import("./subject.js").SubjectSettings} settings @returns {Promise<import("./subject.js").Subject>} */
export async function open({ model, contextSize, sequences, cacheTokens = contextSize * sequences, threads }) {
  const { loadModel } = await llamaNode();
  const context = await loadModel({
    model,
    n_ctx: cacheTokens,
    n_parallel: sequences,
    n_batch: 512,
    n_ubatch: 512,
    n_threads: threads,
    flash_attn_type: "on",
    kv_unified: true,
    use_mmap: true,
  });
  if (sequences > 1) await context.parallel.enable({ n_parallel: sequences, n_batch: 512 });
  return {
    async generate({ prompt, tokens, signal, onText }) {
      const options = { prompt, n_predict: tokens, temperature: 0, ignore_eos: true, n_threads: threads };
      if (sequences > 1) {
        const { promise, stop } = await context.parallel.completion(options, onText);
        signal?.addEventListener("abort", stop, { once: true });
        return promise.then(
          (/** @type {{ tokens_predicted: number }} */ result) => result.tokens_predicted,
          (/** @type {unknown} */ error) => {
            if (!signal?.aborted) throw error;
            return 0;
          },
        );
      }
      signal?.addEventListener("abort", () => context.stopCompletion(), { once: true });
      return (await context.completion(options, onText)).tokens_predicted;
    },
    idle: async () => {},
    close: () => context.release(),
  };
}
