// node chaos.mjs SECONDS MODEL, in a network namespace of its own, as root: a fleet of three servers over a bad network
// of which one is killed, stalled or garbled at a time. Writes what came of it as JSON.
import { setFlagsFromString } from "node:v8";
import { setTimeout as sleep } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import { connect } from "caduceus";
import { openPlaces } from "./places.mjs";
import { ask } from "./work.mjs";

const [seconds, file] = [Number(process.argv[2]), /** @type {string} */ (process.argv[3])];
const link = { delayMs: 10, jitterMs: 5, loss: 0.01 };
const limitMs = 90_000;
const workers = 16;

/** @type {string[]} */
const unhandled = [];
process.on("unhandledRejection", (reason) => void unhandled.push(String(reason)));
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const { places, end } = await openPlaces(file, link);
const model = await connect(
  places.map(({ url }) => url),
  { retries: 8, connectTimeoutMs: 3_000, firstTokenTimeoutMs: 30_000, stallTimeoutMs: 5_000 },
);
let marks = 0;
/** When each reply's first output came. Of a fixed size: what grows here would look like a leak. */
const begunAt = new Float64Array(1_000_000);
/** @type {Record<string, number>} */
const codes = {};
/** @type {number[]} */
const lostBeforeItBegan = [];
let hung = 0;
const askOne = async (/** @type {object} */ options = {}) => {
  const mark = marks++;
  const outcome = await ask(model, mark, { limitMs, ...options });
  begunAt[mark] = outcome.begunAt;
  if (outcome.hung) hung++;
  if (outcome.code === undefined) return true;
  codes[outcome.code] = (codes[outcome.code] ?? 0) + 1;
  if (outcome.begunAt === 0) lostBeforeItBegan.push(mark);
  return false;
};

/** One server of three is killed while 200 streams are under way, and comes back. */
async function killAmongStreams() {
  let begun = 0;
  const streams = Array.from({ length: 200 }, () => askOne({ kind: 0, onBegin: () => begun++ }));
  while (begun < 60) await sleep(5);
  places[0]?.signal("SIGKILL");
  const ended = await Promise.all(streams);
  await places[0]?.start();
  return { begun, whole: ended.filter(Boolean).length, failed: ended.filter((isWhole) => !isWhole).length };
}

/** What can go wrong with one place, and how it is set right again. */
const faults = /** @type {const} */ ({
  kill: async (/** @type {import("./places.mjs").Place} */ place) => {
    place.signal("SIGKILL");
    await sleep(1_000);
    await place.start();
  },
  stall: async (/** @type {import("./places.mjs").Place} */ place) => {
    place.signal("SIGSTOP");
    await sleep(7_000);
    place.signal("SIGCONT");
  },
  garbage: async (/** @type {import("./places.mjs").Place} */ place) => {
    place.tell("garbage");
    await sleep(1_500);
    place.tell("none");
    place.tell("cut");
  },
  silence: async (/** @type {import("./places.mjs").Place} */ place) => {
    place.tell("silence");
    await sleep(7_000);
    place.tell("none");
    place.tell("cut");
  },
  refuse: async (/** @type {import("./places.mjs").Place} */ place) => {
    place.tell("refuse");
    place.tell("cut");
    await sleep(2_000);
    place.tell("none");
  },
});

/** Least of what is held, when nothing is under way. */
async function heldBytes() {
  let least = Infinity;
  for (let round = 0; round < 5; round++) {
    await sleep(200);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external - begunAt.byteLength);
  }
  return least;
}

/** Work and faults for so long. @param {number} length */
async function disturb(length) {
  const until = performance.now() + length * 1_000;
  /** @type {Record<string, number>} */
  const done = {};
  const monkey = async () => {
    for (let round = 0; performance.now() < until; round++) {
      const names = /** @type {(keyof typeof faults)[]} */ (Object.keys(faults));
      const name = /** @type {keyof typeof faults} */ (names[round % names.length]);
      await faults[name](/** @type {import("./places.mjs").Place} */ (places[Math.floor(Math.random() * 3)]));
      done[name] = (done[name] ?? 0) + 1;
      // Until it is back: one of three is out at a time.
      await sleep(3_000);
    }
  };
  const worker = async () => {
    while (performance.now() < until) await askOne({ leaves: Math.random() < 0.2 });
  };
  await Promise.all([monkey(), ...Array.from({ length: workers }, worker)]);
  return done;
}

const killed = await killAmongStreams();
await disturb(seconds / 3);
const before = await heldBytes();
const done = await disturb((seconds * 2) / 3);
const after = await heldBytes();

const reports = await Promise.all(places.map((place) => place.report()));
/** The moments at which a request was sent. */
const sent = (/** @type {number} */ mark) => reports.flatMap((seen) => seen[mark] ?? []);
const all = Array.from({ length: marks }, (_, mark) => mark);
await model.close();
end();
process.stdout.write(
  `${JSON.stringify({
    killed,
    faults: done,
    replies: marks,
    moved: all.filter((mark) => sent(mark).length > 1).length,
    codes,
    hung,
    lostBeforeItBegan,
    sentAfterItBegan: all.filter((mark) => {
      const begun = /** @type {number} */ (begunAt[mark]);
      return begun > 0 && sent(mark).some((time) => time > begun);
    }),
    unhandled,
    heldBytes: { before, after },
  })}\n`,
);
