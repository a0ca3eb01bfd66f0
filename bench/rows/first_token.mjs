// Time to first token with an uncached prompt, a cached one, and one loaded from disk after a restart.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { median } from "../figures.mjs";
import { moreWords, newPrompt } from "../prompts.mjs";
import { claim } from "../report.mjs";
import { fastOnes, SubjectProcess } from "../subject.mjs";

/** @typedef {import("../figures.mjs").Figures} Figures */

const lengths = [300, 2000, 6000];
const question = 12;

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row[]>} */
export async function firstToken({ model, threads, runs }) {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-bench-"));
  const rows = lengths.map((length) => ({
    length,
    uncached: /** @type {Figures} */ ({}),
    shared: /** @type {Figures} */ ({}),
    restored: /** @type {Figures} */ ({}),
  }));
  try {
    for (let run = 0; run < runs; run++) {
      for (const { length, uncached, shared, restored } of rows) {
        for (const name of fastOnes) {
          // A process for each, so that one has the machine to itself and a restart is one.
          const settings = {
            model,
            contextSize: Math.min(8192, length + 256),
            sequences: 1,
            threads,
            own: { prefixFolder: folder },
          };
          const open = () =>
            SubjectProcess.open(name, settings).catch(
              (error) => void process.stderr.write(`  ${name} is left out: ${error.message}\n`),
            );
          const begins = newPrompt(length);
          const subject = await open();
          if (!subject) continue;
          const ask = async (/** @type {SubjectProcess} */ subject, /** @type {string} */ prompt, own = {}) =>
            (await subject.run("replies", { prompts: [prompt], tokens: 2, own })).firstMs;
          try {
            await ask(subject, newPrompt(32));
            (uncached[name] ??= []).push(await ask(subject, begins, { keepPrefix: true }));
            (shared[name] ??= []).push(await ask(subject, begins + moreWords(question)));
          } catch (error) {
            process.stderr.write(`  ${name} failed at ${length} tokens: ${String(error).split("\n")[0]}\n`);
          }
          await subject.close();
          if (name !== "caduceus") continue;
          const again = /** @type {SubjectProcess} */ (await open());
          await ask(again, newPrompt(32));
          (restored[name] ??= []).push(await ask(again, begins + moreWords(question)));
          await again.close();
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return rows.flatMap(({ length, uncached, shared, restored }) => {
    const share = (/** @type {Figures} */ figures) =>
      figures.caduceus && uncached.caduceus ? median(figures.caduceus) / median(uncached.caduceus) : undefined;
    // What a question costs by itself weighs more than that in a short prompt.
    const most = (/** @type {number} */ limit, /** @type {Figures} */ figures) =>
      length < 2000 ? [] : claim(`≤ ${limit} of new`, share(figures), (value) => value <= limit);
    return [
      { name: `first token, new prompt of ${length} tokens`, unit: "ms", figures: uncached, claims: [] },
      {
        name: `first token, its first ${length} tokens read before`,
        unit: "ms",
        figures: shared,
        claims: most(0.05, shared),
      },
      {
        name: `first token, ${length} tokens from disk after a restart`,
        unit: "ms",
        figures: restored,
        claims: most(0.1, restored),
      },
    ];
  });
}
