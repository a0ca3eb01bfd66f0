// The prebuilt addon, which runs on any machine, against one built for this machine.
import { readdirSync } from "node:fs";
import { root } from "../../scripts/setup/paths.mjs";
import { inTurn, ratio } from "../figures.mjs";
import { newPrompt } from "../prompts.mjs";
import { claim } from "../report.mjs";
import { SubjectProcess } from "../subject.mjs";

/** @typedef {import("../main.mjs").Settings} Settings */
/** @typedef {import("../report.mjs").Row} Row */

const generatedTokens = 128;
const promptTokens = 500;

/** @type {(settings: Settings) => Promise<Row[]>} */
export async function portable({ model, threads, runs }) {
  if (!readdirSync(root).includes("prebuilds")) {
    process.stderr.write("  portable is left out: make one with `node scripts/package/prebuild.mjs`\n");
    return [];
  }
  const settings = { model, contextSize: 1024, sequences: 1, threads };
  // Two processes of each, in turn: where its memory lies makes the same build up to 3 % faster in one than in another.
  /** @type {Array<{ name: string, subject: SubjectProcess }>} */
  const subjects = [];
  for (const name of ["prebuilt addon", "tuned build", "tuned build", "prebuilt addon"]) {
    // node-gyp-build's: what was built here does not count.
    subjects.push({
      name,
      subject: await SubjectProcess.open(
        "caduceus",
        settings,
        name === "prebuilt addon" ? { PREBUILDS_ONLY: "1" } : {},
      ),
    });
  }
  const measured = (/** @type {(subject: SubjectProcess) => Promise<number>} */ measure) =>
    inTurn(
      runs,
      Object.fromEntries(
        subjects.slice(0, 2).map(({ name }) => {
          const own = subjects.filter((one) => one.name === name).map(({ subject }) => subject);
          return [name, (run) => measure(/** @type {SubjectProcess} */ (own[run % own.length]))];
        }),
      ),
    );
  try {
    const decode = await measured(
      async (subject) =>
        (await subject.run("replies", { prompts: [newPrompt(16)], tokens: generatedTokens })).tokensPerSecond,
    );
    const prefill = await measured(
      async (subject) =>
        (promptTokens * 1000) /
        (await subject.run("replies", { prompts: [newPrompt(promptTokens)], tokens: 2 })).firstMs,
    );
    return [
      [`decode, prebuilt addon, ${generatedTokens} tokens`, decode],
      [`prefill of ${promptTokens} tokens, prebuilt addon`, prefill],
    ].map(([name, figures]) => {
      const all = /** @type {import("../figures.mjs").Figures} */ (figures);
      return {
        name: String(name),
        unit: "tokens/s",
        figures: all,
        claims: claim("≥ 0.97 × tuned build", ratio(all, "prebuilt addon", "tuned build"), (value) => value >= 0.97),
      };
    });
  } finally {
    for (const { subject } of subjects) await subject.close();
  }
}
