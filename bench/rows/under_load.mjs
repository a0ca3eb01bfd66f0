// One conversation on a machine, in a process or over a cache that has other things to do.
import { keepBusyElsewhere } from "../busy.mjs";
import { inTurn, ratio } from "../figures.mjs";
import { newPrompt } from "../prompts.mjs";
import { claim } from "../report.mjs";
import { SubjectProcess, withSubjects } from "../subject.mjs";

/** @typedef {import("../main.mjs").Settings} Settings */
/** @typedef {import("../report.mjs").Row} Row */

const share = 0.8;
const busyNames = /** @type {const} */ (["caduceus", "node-llama-cpp"]);

/**
 * The main thread computes other things, against another process that does.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function busyMain({ model, threads, runs }) {
  const tokens = 256;
  const here = " (own main thread)";
  const figures = await withSubjects(busyNames, { model, contextSize: 512, sequences: 1, threads }, (subjects) =>
    inTurn(
      runs,
      Object.fromEntries(
        [...subjects].flatMap(([name, subject]) => [
          [
            name + here,
            async () =>
              (await subject.run("replies", { prompts: [newPrompt(16)], tokens, busy: share })).tokensPerSecond,
          ],
          [
            name,
            async () => {
              const stop = keepBusyElsewhere(share);
              const { tokensPerSecond } = await subject.run("replies", { prompts: [newPrompt(16)], tokens });
              stop();
              return tokensPerSecond;
            },
          ],
        ]),
      ),
    ),
  );
  return [
    ...busyNames
      .map((name) => {
        const value = ratio(figures, name + here, name);
        return {
          name: `${name} beside another process that is ${share * 100} % busy, and (own) with its main thread so`,
          unit: "tokens/s",
          figures: { [name]: figures[name] ?? [], own: figures[name + here] ?? [] },
          claims:
            name === "caduceus"
              ? claim("own ≥ 0.95 × other process", value, (value) => value >= 0.95)
              : claim("own / other process", value, () => true),
        };
      })
      .filter(({ figures }) => Object.values(figures).every((values) => values.length > 0)),
  ];
}

/** A cache of which idle sequences fill three quarters. @type {(settings: Settings) => Promise<Row[]>} */
export async function fullCache({ model, threads, runs }) {
  const contextSize = 1024;
  const cacheTokens = 16 * contextSize;
  const settings = { model, contextSize, sequences: 16, cacheTokens, threads };
  const [empty, full, kept] = await Promise.all([
    SubjectProcess.open("caduceus", settings),
    SubjectProcess.open("caduceus", settings),
    SubjectProcess.open("caduceus", { ...settings, own: { hostCacheBytes: 0 } }),
  ]);
  for (const subject of [full, kept]) {
    for (let n = 0; n < 12; n++) await subject.run("replies", { prompts: [newPrompt(contextSize - 64)], tokens: 8 });
  }
  const one = (/** @type {SubjectProcess} */ subject) => async () =>
    (await subject.run("replies", { prompts: [newPrompt(16)], tokens: 128 })).tokensPerSecond;
  const figures = await inTurn(runs, {
    "empty cache": one(empty),
    "idle sequences evicted (default)": one(full),
    "idle sequences in the KV cache": one(kept),
  });
  for (const subject of [empty, full, kept]) await subject.close();
  const caduceus = figures["idle sequences evicted (default)"] ?? [];
  return [
    {
      name: `decode after idle sequences have filled 75 % of ${cacheTokens} cells`,
      unit: "tokens/s",
      figures: { caduceus },
      claims: claim(
        "≥ 0.9 × an empty cache",
        ratio(figures, "idle sequences evicted (default)", "empty cache"),
        (value) => value >= 0.9,
      ),
    },
    {
      name: "the same with `hostCacheBytes: 0`",
      unit: "tokens/s",
      figures: { caduceus: figures["idle sequences in the KV cache"] ?? [] },
      claims: claim("× an empty cache", ratio(figures, "idle sequences in the KV cache", "empty cache"), () => true),
    },
  ];
}
