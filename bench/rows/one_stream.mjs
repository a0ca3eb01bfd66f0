// One conversation: speed of decoding and prefill.
import { inTurn, ratio } from "../figures.mjs";
import { llamaBench } from "../llama_tools.mjs";
import { newPrompt } from "../prompts.mjs";
import { atLeast, claim } from "../report.mjs";
import { everyone, withSubjects } from "../subject.mjs";

/** @typedef {import("../main.mjs").Settings} Settings */
/** @typedef {import("../report.mjs").Row} Row */

const generatedTokens = 128;
const promptTokens = 500;

/**
 * Tokens a second as the reader in JavaScript sees them, from the first to the last.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function decode({ model, threads, runs }) {
  const figures = await withSubjects(everyone, { model, contextSize: 1024, sequences: 1, threads }, (subjects) =>
    inTurn(runs, {
      ...Object.fromEntries(
        [...subjects].map(([name, subject]) => [
          name,
          async () =>
            (await subject.run("replies", { prompts: [newPrompt(16)], tokens: generatedTokens })).tokensPerSecond,
        ]),
      ),
      "llama-bench": () => llamaBench({ model, generatedTokens, threads }),
    }),
  );
  const peers = ["node-llama-cpp", "llama.node", "llama-server"].flatMap((peer) => {
    // As fast as the same code can be, within what one run differs from the next.
    return claim(`≥ 0.98 × ${peer}`, ratio(figures, "caduceus", peer), (value) => value >= 0.98);
  });
  return [
    {
      name: `decode, one stream, ${generatedTokens} tokens`,
      unit: "tokens/s",
      figures,
      claims: [...atLeast(figures, "llama-bench", 0.98), ...peers],
    },
  ];
}

/**
 * A prompt that is in no cache, from the call to the first text that arrives.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function prefill({ model, threads, runs }) {
  const figures = await withSubjects(everyone, { model, contextSize: 1024, sequences: 1, threads }, (subjects) =>
    inTurn(runs, {
      ...Object.fromEntries(
        [...subjects].map(([name, subject]) => [
          name,
          async () =>
            (promptTokens * 1000) /
            (await subject.run("replies", { prompts: [newPrompt(promptTokens)], tokens: 2 })).firstMs,
        ]),
      ),
      "llama-bench": () => llamaBench({ model, promptTokens, threads }),
    }),
  );
  return [
    {
      name: `prefill of ${promptTokens} tokens, first token included`,
      unit: "tokens/s",
      figures,
      claims: atLeast(figures, "llama-bench", 0.9),
    },
  ];
}
