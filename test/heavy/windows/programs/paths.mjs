// Loads the model under each of the names that are given as JSON, with a folder of prefixes beside it, and prints what
// failed.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { load } from "caduceus";

const keptIn = (folder) =>
  existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".prefix")).length : 0;
const outcomes = {};
for (const [what, name] of Object.entries(JSON.parse(process.argv[2]))) {
  const prefixFolder = path.join(path.dirname(path.resolve(name)), "prefixes");
  try {
    const model = await load(name, { contextSize: 512, prefixFolder });
    const { usage } = await model.complete("word ".repeat(300), { maxTokens: 2, keepPrefix: true });
    // Written while nobody waits for anything.
    for (let waits = 0; waits < 100 && keptIn(prefixFolder) === 0; waits++) await sleep(100);
    await model.close();
    outcomes[what] = keptIn(prefixFolder) > 0 ? usage.generatedTokens : "no prefix was kept";
  } catch (error) {
    outcomes[what] = error.message;
  }
}
console.log(JSON.stringify(outcomes));
