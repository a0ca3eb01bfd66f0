// Replies and conversations that were dropped before their end; prints as JSON how many runs the engine had of each
// kind then, and how many once they were collected. Run it with --expose-gc.
import { subscribe } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { load } from "../../../dist/index.js";

const model = await load("smollm2", { prefixFolder: false, contextSize: 1024 });
const endless = { maxTokens: 900, minTokens: 900 };
const question = "Count to a thousand.";
const { signal } = new AbortController(); // As long as the program lives.
const first = (source) => source[Symbol.asyncIterator]().next();

const kinds = {
  "after one event": () => first(model.reply(question, endless)),
  "after one piece of text": () => first(model.reply(question, endless).textStream),
  "after one piece of a raw prompt": () => first(model.complete(question, endless)),
  "that nobody read": async () => {
    void model.reply(question, endless);
    while (model.stats().running === 0) await sleep(5);
  },
  "with a signal that lives on": () => first(model.reply(question, { ...endless, signal })),
  "of a chat that is dropped too": () => first(model.chat(endless).send(question)),
};

let ended = 0;
subscribe("caduceus:reply:end", () => ended++);

async function collected(isDone) {
  for (let tries = 0; tries < 2_000 && !isDone(); tries++) {
    globalThis.gc();
    await sleep(20);
  }
  return model.stats().running;
}

const report = { kinds: {} };
for (const [kind, drop] of Object.entries(kinds)) {
  ended = 0;
  for (let n = 0; n < 4; n++) await drop();
  const before = model.stats().running;
  report.kinds[kind] = { before, after: await collected(() => ended === 4 && model.stats().running === 0), ended };
}

// What somebody still waits for is not dropped, however little holds it.
const waiting = model.reply(question, { maxTokens: 60, minTokens: 60 });
const text = waiting.then(({ usage }) => usage.generatedTokens);
for (let n = 0; n < 20; n++) globalThis.gc();
report.generated = await text;

// A dropped reply does not hold its conversation up.
const chat = model.chat();
await first(chat.send(question, endless));
report.next = "never";
void chat.send("Hello?", { maxTokens: 3 }).then(({ finishReason }) => (report.next = finishReason));
await collected(() => report.next !== "never");

await model.close();
console.log(JSON.stringify(report));
