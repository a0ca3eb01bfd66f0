// One conversation: speed of decoding and prefill.
import { inTurn, ratio, tokensOf } from "../figures.mjs";
import { llamaBench } from "../llama_tools.mjs";
import { newPrompt } from "../prompts.mjs";
import { atLeast, claim } from "../report.mjs";
import { everyone, fastOnes, ofEach, withSubjects } from "../subject.mjs";

/** @typedef {import("../main.mjs").Settings} Settings */
/** @typedef {import("../report.mjs").Row} Row */

const promptTokens = 500;

/**
 * Tokens a second as the reader in JavaScript sees them, from the first to the last.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function decode(settings) {
  const { model, threads, runs, large } = settings;
  const generatedTokens = large ? 32 : 128;
  const figures = await withSubjects(
    large ? fastOnes : everyone,
    { model, contextSize: 1024, sequences: 1, threads },
    (subjects) =>
      inTurn(runs, {
        ...ofEach(subjects, async (subject, round) => {
          const tokens = tokensOf(settings, round, generatedTokens);
          return (await subject.run("replies", { prompts: [newPrompt(16)], tokens })).tokensPerSecond;
        }),
        "llama-bench": (round) =>
          llamaBench({ model, generatedTokens: tokensOf(settings, round, generatedTokens), threads }),
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
      claims: [...atLeast(figures, "llama-bench", large ? 1.05 : 1.7), ...peers],
    },
  ];
}

/**
 * A prompt that is in no cache, from the call to the first text that arrives.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function prefill(settings) {
  const { model, threads, runs, large } = settings;
  const figures = await withSubjects(
    large ? fastOnes : everyone,
    { model, contextSize: 1024, sequences: 1, threads },
    (subjects) =>
      inTurn(runs, {
        ...ofEach(subjects, async (subject, round) => {
          const tokens = tokensOf(settings, round, promptTokens);
          return (tokens * 1000) / (await subject.run("replies", { prompts: [newPrompt(tokens)], tokens: 2 })).firstMs;
        }),
        "llama-bench": (round) => llamaBench({ model, promptTokens: tokensOf(settings, round, promptTokens), threads }),
      }),
  );
  return [
    {
      name: `prefill of ${promptTokens} tokens, first token included`,
      unit: "tokens/s",
      figures,
      claims: atLeast(figures, "llama-bench", large ? 2.2 : 3.2),
    },
  ];
}
