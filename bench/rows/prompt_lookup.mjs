// Effect of prompt lookup (speculative decoding without a draft model) on text that repeats earlier text and on text
// that does not, with one stream and several.
import { load } from "caduceus";
import { inTurn, ratio } from "../figures.mjs";
import { claim } from "../report.mjs";

const list = [
  "Lisbon 1755",
  "Krakow 1364",
  "Uppsala 1477",
  "Bologna 1088",
  "Toledo 711",
  "Bergen 1070",
  "Ghent 1180",
  "Riga 1201",
];
const copying = (/** @type {number} */ n) =>
  `Write this list again, the same words in the same order, with nothing before or after it:\n${[...list.slice(n % 8), ...list.slice(0, n % 8)].map((place) => `- ${place}: visited by ${100 + n} people`).join("\n")}`;
const telling = (/** @type {number} */ n) => `Tell me a story about number ${n} and a ship that never came home.`;

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row[]>} */
export async function promptLookup({ model: file, threads, runs }) {
  const options = { contextSize: 1024, cacheTokens: 16_384, threads, prefixFolder: /** @type {const} */ (false) };
  const models = {
    promptLookup: await load(file, options),
    none: await load(file, { ...options, promptLookup: false }),
  };
  const rows = [];
  let asked = 0;
  for (const [name, prompt, temperature] of /** @type {const} */ ([
    ["a list copied", copying, 0],
    ["a story", telling, 0.8],
  ])) {
    for (const streams of [1, 3, 15]) {
      const figures = await inTurn(
        runs,
        Object.fromEntries(
          Object.entries(models).map(([which, model]) => [
            which,
            async () => {
              const replies = await Promise.all(
                Array.from({ length: streams }, () =>
                  model.reply(prompt(asked++), { temperature, seed: asked, maxTokens: 120 }),
                ),
              );
              const tokens = replies.reduce((sum, { usage }) => sum + usage.generatedTokens, 0);
              // Without the prompts, which are read alike.
              return (1000 * tokens) / Math.max(...replies.map(({ rounds }) => rounds[0]?.timings.generationMs ?? 0));
            },
          ]),
        ),
      );
      rows.push({
        name: `${name}, ${streams} ${streams === 1 ? "stream" : "streams"}`,
        unit: "tokens/s",
        figures,
        claims: claim("≥ 0.97 × none", ratio(figures, "promptLookup", "none"), (value) => value >= 0.97),
      });
    }
  }
  await Promise.all(Object.values(models).map((model) => model.close()));
  return rows;
}
