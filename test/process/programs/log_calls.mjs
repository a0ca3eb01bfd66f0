// Sets the log again and again; prints as JSON what memory was in use after the first times, and every so often later.
// Run it with --expose-gc.
//   log_calls.mjs [times = 20000]
import { setImmediate } from "node:timers/promises";
import { setLog } from "../../../dist/index.js";
import { measure } from "./measure.mjs";

const [times = 20_000] = process.argv.slice(2).map(Number);
const counts = { set: 0 };

async function reach(count) {
  for (; counts.set < count; counts.set++) {
    setLog(() => counts.set, "error");
    if (counts.set % 3 === 0) setLog(undefined);
    if (counts.set % 100 === 0) await setImmediate();
  }
}

await reach(times / 10);
const first = await measure(counts);
const later = [];
for (let part = 4; part <= 10; part += 3) {
  await reach((times * part) / 10);
  later.push(await measure(counts));
}
console.log(JSON.stringify({ counts, first, later }));
