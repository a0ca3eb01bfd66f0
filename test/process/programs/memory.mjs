// Many requests and aborted ones on one model, a dozen at a time; prints as JSON what memory was in use after the first
// of them and every so often later, each time after collection. Run it with --expose-gc.
//   memory.mjs [requests = 10000] [aborted = 1000] [warm-up = 500] [folder of kept prefixes]
import { measure } from "./measure.mjs";
import { seeded } from "../../support/seeded.mjs";
import { aborts, crowd, openTrafficModel, requests } from "./traffic.mjs";

const [wanted = 10_000, toAbort = 1000, warmUp = 500] = process.argv.slice(2, 5).map(Number);
const prefixFolder = process.argv[5];
const random = seeded(7);
const model = await openTrafficModel(prefixFolder === undefined ? {} : { prefixFolder, prefixFolderBytes: 2 ** 20 });
const places = Object.keys(aborts);
const counts = { requests: 0, ...Object.fromEntries(places.map((place) => [place, 0])) };
let begun = 0;

async function step() {
  const done = places.reduce((sum, place) => sum + counts[place], 0);
  if (done * wanted < counts.requests * toAbort) {
    // One place after the other; a whole crowd waits in the queue at once.
    const place = places[begun++ % (2 * crowd) === 0 ? 0 : 1 + (begun % 2)];
    const { there, requests } = await aborts[place](model, random);
    counts[place] += there;
    counts.requests += requests;
  } else {
    const ended = await requests[random.pick(Object.keys(requests))](model, random);
    counts.requests += ended;
  }
}

async function reach(count, atOnce) {
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (counts.requests < count) await step();
    }),
  );
}

// More at once than later, so that the allocator keeps from the beginning as much as it ever will.
await reach(warmUp, 48);
const first = await measure({ requests: counts.requests });
const later = [];
for (let part = 1; part <= 10; part++) {
  await reach(warmUp + ((wanted - warmUp) * part) / 10, 12);
  later.push(await measure({ requests: counts.requests }));
}
await model.close();
console.log(JSON.stringify({ counts, first, later }));
