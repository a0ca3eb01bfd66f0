// Many models, with collection forced at random between all steps, while replies, chats, forks and signals are dropped
// in every state, and some of the models too. Prints as JSON how often each step was taken and what is left. Run it
// with --expose-gc.
//   collection.mjs [models = 100]
import { load } from "caduceus";
import { setImmediate as turn } from "node:timers/promises";
import { seeded } from "../../support/seeded.mjs";
import { modelPath } from "./traffic.mjs";

const models = Number(process.argv[2] ?? 100);
const random = seeded(11);
const counts = {};
let collections = 0;

async function maybeCollect() {
  if (random.below(3) === 0) {
    globalThis.gc();
    collections++;
  }
  if (random.below(2) === 0) await turn();
}

const story = (maxTokens = 400) => [`Tell me of ${random.below(99)}.`, { maxTokens }];
const steps = {
  async "a reply nobody reads"(model) {
    model.reply(...story());
  },
  async "a reply left in the middle"(model) {
    const iterator = model.reply(...story()).textStream[Symbol.asyncIterator]();
    await iterator.next();
  },
  async "a reply that somebody waits for while nobody holds it"(model) {
    const result = model.reply(...story(8)).then(({ usage }) => usage.generatedTokens);
    await maybeCollect();
    if ((await result) !== 8) throw new Error("Expected 8 tokens.");
  },
  async "an abort when nobody holds the reply"(model) {
    const controller = new AbortController();
    const [text, options] = story();
    const outcome = model.reply(text, { ...options, signal: controller.signal }).then(
      () => "ended",
      () => "aborted",
    );
    await maybeCollect();
    controller.abort();
    if ((await outcome) !== "aborted") throw new Error("It came to its end.");
  },
  async "a chat without close"(model) {
    const chat = model.chat({ system: "Be brief.", maxTokens: 3 });
    await chat.send("Hello.");
    chat.send("Unread.");
  },
  async "a fork whose origin is gone"(model) {
    let chat = model.chat({ maxTokens: 3 });
    await chat.send("Hello.");
    const fork = chat.fork();
    await chat.close();
    chat = undefined;
    await maybeCollect();
    const { usage } = await fork.send("Go on.");
    if (usage.cachedTokens === 0) throw new Error("The fork has lost its tokens.");
    await fork.close();
  },
  async "tokens nobody waits for"(model) {
    void model.tokenize("a b c ".repeat(100));
    void model.detokenize([5, 6, 7]).catch(() => {});
  },
  async "a load that is aborted"() {
    const controller = new AbortController();
    const outcome = load(modelPath(), { threads: 1, prefixFolder: false, signal: controller.signal }).then(
      (model) => model.close(),
      () => {},
    );
    await maybeCollect();
    controller.abort();
    await outcome;
  },
};

async function useOne(n) {
  const model = await load(modelPath(), { threads: 1, contextSize: 512, prefixFolder: false });
  for (let step = 0; step < 12; step++) {
    const name = random.pick(Object.keys(steps));
    await maybeCollect();
    await steps[name](model);
    counts[name] = (counts[name] ?? 0) + 1;
    await maybeCollect();
  }
  // Every tenth is dropped as it is; the others are closed in the middle of their replies, some of them not waited for.
  if (n % 10 === 9) return;
  const closing = model.close();
  if (random.below(3) > 0) await closing;
}

for (let n = 0; n < models; n++) {
  await useOne(n);
  await maybeCollect();
}
console.log(JSON.stringify({ models, collections, counts }));
