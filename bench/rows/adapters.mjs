// What LoRA adapters cost: eight streams with none, with one adapter, and with several sets that take turns.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { load } from "caduceus";
import { makeAdapter } from "../../test/support/gguf/make_adapter.mjs";
import { inTurn, ratio } from "../figures.mjs";
import { claim } from "../report.mjs";

const streams = 8;
const rank = 16;

/** The matrices of a model of Llama's architecture. @param {import("caduceus").ModelInfo} info */
function matricesOf({ layers, embeddingSize, heads, headsKv, metadata }) {
  const feedForward = Number(metadata["llama.feed_forward_length"]);
  const keys = (embeddingSize / heads) * headsKv;
  const shapes = Object.entries({
    attn_q: [embeddingSize, embeddingSize],
    attn_k: [embeddingSize, keys],
    attn_v: [embeddingSize, keys],
    attn_output: [embeddingSize, embeddingSize],
    ffn_gate: [embeddingSize, feedForward],
    ffn_up: [embeddingSize, feedForward],
    ffn_down: [feedForward, embeddingSize],
  });
  return Array.from({ length: layers }, (_, layer) =>
    shapes.map(([name, dimensions]) => ({ name: `blk.${layer}.${name}.weight`, dimensions })),
  ).flat();
}

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row[]>} */
export async function adapters({ model: file, threads, runs }) {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-bench-"));
  const model = await load(file, { contextSize: 1024, cacheTokens: 16_384, threads, prefixFolder: false });
  try {
    for (const seed of [1, 2, 3]) {
      const adapter = path.join(folder, `${seed}.gguf`);
      makeAdapter(adapter, { weights: matricesOf(model.info), seed, rank, gain: 0.1 });
      await model.addAdapter({ path: adapter, scale: 0 });
    }
    let asked = 0;
    const measure = (/** @type {readonly string[][]} */ sets) => async () => {
      const began = performance.now();
      const replies = await Promise.all(
        Array.from({ length: streams }, (_, n) =>
          model.complete(`Story number ${asked++} of a ship that never came home:`, {
            adapter: sets[n % sets.length] ?? [],
            minTokens: 48,
            maxTokens: 48,
            seed: n,
          }),
        ),
      );
      return (1000 * replies.reduce((sum, { usage }) => sum + usage.generatedTokens, 0)) / (performance.now() - began);
    };
    const figures = await inTurn(runs, {
      none: measure([[]]),
      oneAdapter: measure([["1"]]),
      twoSets: measure([[], ["1"]]),
      fourSets: measure([[], ["1"], ["2"], ["3"]]),
    });
    return [
      {
        name: `${streams} streams with adapters of rank ${rank} on all matrices`,
        unit: "tokens/s",
        figures,
        claims: claim("≥ 0.5 × none with one", ratio(figures, "oneAdapter", "none"), (value) => value >= 0.5),
      },
    ];
  } finally {
    await model.close();
    await rm(folder, { recursive: true });
  }
}
