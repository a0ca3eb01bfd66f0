// By its token loop, which is its fastest way and the only one that goes on past an end token.
import { nodeLlamaCpp } from "../peers/index.mjs";

/** @param {import("./subject.js").SubjectSettings} settings @returns {Promise<import("./subject.js").Subject>} */
export async function open({ model: file, contextSize, sequences, threads, embeds }) {
  const { getLlama, LlamaLogLevel } = await nodeLlamaCpp();
  const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath: file });
  if (embeds) {
    const embeddings = await model.createEmbeddingContext({ contextSize, threads });
    return {
      async embed(texts) {
        const vectors = await Promise.all(texts.map((text) => embeddings.getEmbeddingFor(text)));
        return vectors.length;
      },
      generate: () => Promise.reject(new Error("It was opened for embeddings.")),
      idle: async () => {},
      close: () => llama.dispose(),
    };
  }
  const context = await model.createContext({ contextSize, sequences, threads, flashAttention: true });
  const slots = Array.from({ length: sequences }, () => context.getSequence());
  return {
    async generate({ prompt, tokens, slot, signal, onText }) {
      const sequence = slots[slot];
      const input = model.tokenize(prompt);
      if (model.tokens.shouldPrependBosToken && model.tokens.bos != null) input.unshift(model.tokens.bos);
      await sequence.adaptStateToTokens(input, false);
      let generated = 0;
      for await (const token of sequence.evaluate(input.slice(sequence.nextTokenIndex), {
        temperature: 0,
        yieldEogToken: true,
      })) {
        model.detokenize([token]);
        onText();
        if (++generated === tokens || signal?.aborted) break;
      }
      return generated;
    },
    idle: async () => {},
    close: () => llama.dispose(),
  };
}
