// A draft model: the same model in fewer bits drafts for its F16, whose tokens it nearly always guesses, and for itself
// in those bits, which cannot pay and must not cost.
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { load, pullModel, quantizeModel } from "caduceus";
import { cacheFolder } from "../../scripts/setup/paths.mjs";
import { inTurn, ratio } from "../figures.mjs";
import { claim } from "../report.mjs";

const telling = (/** @type {number} */ n) => `Tell me a story about number ${n} and a ship that never came home.`;

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row[]>} */
export async function draftModel({ model, threads, runs }) {
  const { path: small } = await pullModel(model);
  const large = path.join(cacheFolder, "bench", `${path.basename(small, ".gguf")}.F16.gguf`);
  await mkdir(path.dirname(large), { recursive: true });
  if ((await stat(large).catch(() => undefined)) === undefined)
    await quantizeModel(small, large, { type: "F16", allowRequantize: true });
  const rows = [];
  for (const [name, target] of /** @type {const} */ ([
    ["F16, drafted by itself in fewer bits", large],
    ["drafted by itself", small],
  ])) {
    const options = {
      contextSize: 1024,
      cacheTokens: 8192,
      threads,
      promptLookup: false,
      prefixFolder: /** @type {const} */ (false),
    };
    const models = {
      draftModel: await load(target, { ...options, draftModel: small }),
      none: await load(target, options),
    };
    for (const streams of [1, 4]) {
      const before = models.draftModel.stats();
      let asked = 0;
      const figures = await inTurn(
        runs,
        Object.fromEntries(
          Object.entries(models).map(([which, loaded]) => [
            which,
            async () => {
              const replies = await Promise.all(
                Array.from({ length: streams }, () =>
                  loaded.reply(telling(asked++), { temperature: 0, maxTokens: 160 }),
                ),
              );
              const tokens = replies.reduce((sum, { usage }) => sum + usage.generatedTokens, 0);
              // Without the prompts, which are read alike.
              return (1000 * tokens) / Math.max(...replies.map(({ rounds }) => rounds[0]?.timings.generationMs ?? 0));
            },
          ]),
        ),
      );
      const after = models.draftModel.stats();
      const drafted = after.draftModelTokens - before.draftModelTokens;
      const accepted = after.acceptedDraftModelTokens - before.acceptedDraftModelTokens;
      const generated = after.generatedTokens - before.generatedTokens;
      rows.push({
        name: `${name}, ${streams} ${streams === 1 ? "stream" : "streams"} (${accepted} of ${drafted} drafts accepted, ${generated} tokens)`,
        unit: "tokens/s",
        figures,
        claims: claim("≥ 0.98 × none", ratio(figures, "draftModel", "none"), (value) => value >= 0.98),
      });
    }
    await Promise.all(Object.values(models).map((loaded) => loaded.close()));
  }
  return rows;
}
