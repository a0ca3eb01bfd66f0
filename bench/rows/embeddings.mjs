// Embeddings of many texts.
import { inTurn } from "../figures.mjs";
import { newPrompts } from "../prompts.mjs";
import { atLeast } from "../report.mjs";
import { fastOnes, ofEach, withSubjects } from "../subject.mjs";

// Texts, and tokens of each.
const sizes = [
  [128, 16],
  [16, 200],
];

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row[]>} */
export async function embeddings({ model, threads, runs }) {
  const rows = [];
  for (const [count, tokens] of sizes) {
    const figures = await withSubjects(
      fastOnes,
      { model, contextSize: 256, sequences: 16, threads, embeds: true },
      async (subjects) => {
        for (const subject of subjects.values()) await subject.run("embed", { texts: newPrompts(4, tokens) });
        return inTurn(
          runs,
          ofEach(subjects, (subject) => subject.run("embed", { texts: newPrompts(count, tokens) })),
        );
      },
    );
    rows.push({
      name: `embeddings of ${count} texts of ${tokens} tokens`,
      unit: "texts/s",
      figures,
      claims: atLeast(figures, "llama-server", 1),
    });
  }
  return rows;
}
