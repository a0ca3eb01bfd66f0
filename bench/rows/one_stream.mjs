// One conversation against llama-bench: how fast it writes, and how soon it begins.
import { load } from "caduceus";
import { llamaBench } from "../llama_tools.mjs";
import { inTurn, median, spread } from "../report.mjs";
import { neverEnding, randomPrompt } from "../prompts.mjs";

const generatedTokens = 128;
const promptTokens = 500;

/** Tokens a second as the reader in JavaScript sees them, from the first to the last. @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row>} */
export async function decodeRow({ model: file, runs }) {
  const model = await load(file);
  const { threads, kvType } = model.info;
  const ours = async () => {
    let first = 0;
    let last = 0;
    let tokens = 0;
    for await (const event of model.complete(randomPrompt(model, 8), { ...neverEnding(model), maxTokens: generatedTokens, temperature: 0 })) {
      if (event.type === "finish") tokens = event.usage.generatedTokens;
      else last = performance.now();
      first ||= performance.now();
    }
    return ((tokens - 1) * 1000) / (last - first);
  };
  await ours();
  const figures = await inTurn(runs, ours, () => llamaBench({ model: file, generatedTokens, threads, kvType }));
  await model.close();
  const ratio = median(figures.ratios);
  return {
    name: `decode, one stream, ${generatedTokens} tokens`,
    ours: spread(figures.ours, "tokens/s"), theirs: `llama-bench ${spread(figures.theirs, "tokens/s")}`,
    ratio: ratio.toFixed(3), target: "≥ 0.95", met: ratio >= 0.95, figures,
  };
}

/** A prompt that is in no cache, from the call to the first text that arrives. @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row>} */
export async function prefillRow({ model: file, runs }) {
  const model = await load(file);
  const { threads, kvType } = model.info;
  const ours = async () => {
    const prompt = randomPrompt(model, promptTokens);
    const begin = performance.now();
    const reply = model.complete(prompt, { ...neverEnding(model), maxTokens: 4, temperature: 0, logProbabilities: true });
    for await (const event of reply) if (event.type === "text") break;
    return (promptTokens * 1000) / (performance.now() - begin);
  };
  await ours();
  const figures = await inTurn(runs, ours, () => llamaBench({ model: file, promptTokens, threads, kvType }));
  await model.close();
  const ratio = median(figures.ratios);
  return {
    name: `prefill of ${promptTokens} tokens, first token included`,
    ours: spread(figures.ours, "tokens/s"), theirs: `llama-bench ${spread(figures.theirs, "tokens/s")}`,
    ratio: ratio.toFixed(3), target: "≥ 0.90", met: ratio >= 0.9, figures,
  };
}
