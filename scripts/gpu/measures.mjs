// Caduceus against llama.cpp's own programs on the same GPU, each in turn, by the parts of bench/.
import { availableParallelism } from "node:os";
import { inTurn } from "../../bench/figures.mjs";
import { llamaBatchedBench, llamaBench } from "../../bench/llama_tools.mjs";
import { newPrompt, newPrompts } from "../../bench/prompts.mjs";
import { atLeast } from "../../bench/report.mjs";
import { ofEach, withSubjects } from "../../bench/subject.mjs";

/** @typedef {import("./checks.mjs").CheckSettings} CheckSettings @typedef {import("../../bench/report.mjs").Row} Row */

const threads = Math.min(8, availableParallelism());

/** @param {CheckSettings} settings @returns {Promise<Row[]>} */
export async function oneStream({ large: model, dry }) {
  const [tokens, promptTokens, runs] = dry ? [8, 64, 1] : [256, 2048, 3];
  const subjects = /** @type {const} */ (["caduceus", "llama-server"]);
  return withSubjects(subjects, { model, contextSize: 4096, sequences: 1, threads }, async (open) => {
    const written = await inTurn(runs, {
      ...ofEach(
        open,
        async (subject) => (await subject.run("replies", { prompts: [newPrompt(16)], tokens })).tokensPerSecond,
      ),
      "llama-bench": () => llamaBench({ model, generatedTokens: tokens, threads }),
    });
    const read = await inTurn(runs, {
      ...ofEach(open, async (subject) => {
        const { firstMs } = await subject.run("replies", { prompts: [newPrompt(promptTokens)], tokens: 2 });
        return (promptTokens * 1000) / firstMs;
      }),
      "llama-bench": () => llamaBench({ model, promptTokens, threads }),
    });
    return [
      {
        name: `one stream of ${tokens} tokens`,
        unit: "tokens/s",
        figures: written,
        claims: atLeast(written, "llama-bench", 0.98),
      },
      { name: `prefill of ${promptTokens} tokens, first token included`, unit: "tokens/s", figures: read, claims: [] },
    ];
  });
}

/** @param {CheckSettings} settings @returns {Promise<Row[]>} */
export async function manyStreams({ large: model, dry }) {
  const [count, tokens, runs] = dry ? [4, 4, 1] : [32, 128, 3];
  const subjects = /** @type {const} */ (["caduceus", "llama-server"]);
  return withSubjects(subjects, { model, contextSize: 256, sequences: count, threads }, async (open) => {
    const figures = await inTurn(runs, {
      ...ofEach(
        open,
        async (subject) => (await subject.run("replies", { prompts: newPrompts(count, 16), tokens })).tokensPerSecond,
      ),
      "llama-batched-bench": () =>
        llamaBatchedBench({ model, promptTokens: 16, generatedTokens: tokens, streams: count, threads }),
    });
    return [
      {
        name: `${count} streams of ${tokens} tokens`,
        unit: "tokens/s",
        figures,
        claims: atLeast(figures, "llama-server", 1),
      },
    ];
  });
}
