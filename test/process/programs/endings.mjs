// Ends in the middle of things, in the way its first argument names, with as many replies at work as the second says,
// on the model that the third names. Prints `begun` when it is there.
import { load } from "caduceus";

const [way, count = "1", name = "smollm2"] = process.argv.slice(2);
const numbers = Array.from({ length: Number(count) }, (_, n) => n);
// Nothing of them is shared, and all of them fit into the cache.
const prefillPrompt = (n) =>
  `${n} ${"All work and no play makes a dull text. ".repeat(Math.min(500, 1200 / numbers.length))}`;
const tellLong = (n) => `Tell a very long story about ${n} lighthouses.`;
const paused = (model) => until(() => model.stats().paused === numbers.length);

async function until(isTrue) {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}

if (way === "exit while loading") {
  load(name, { onProgress: () => process.exit(7) });
} else if (way === "return while loading") {
  load(name)
    .then((model) => model.close())
    .then(() => console.log("loaded and closed"));
} else {
  const model = await load(name);
  // A story that never ends by itself.
  const endless = { logitBias: model.info.endOfGenerationTokens.map((token) => [token, -Infinity]) };
  const begin = (options) => numbers.map((n) => model.reply(tellLong(n), options));
  const inDecode = async () => {
    const iterators = begin(endless).map((reply) => reply.textStream[Symbol.asyncIterator]());
    await Promise.all(iterators.map((iterator) => iterator.next()));
    return iterators;
  };
  const inPrefill = async () => {
    const replies = numbers.map((n) => model.reply(prefillPrompt(n)));
    await until(() => model.stats().running === numbers.length);
    return replies;
  };
  const codes = async (replies) => {
    for (const reply of replies) await reply.catch((error) => console.log(error.code));
  };
  const ways = {
    "exit in decode": async () => {
      await inDecode();
      process.exit(7);
    },
    "exit in prefill": async () => {
      await inPrefill();
      process.exit(7);
    },
    "exit with a reader waiting": async () => {
      for (const reply of begin(endless)) reply.then(() => {});
      setTimeout(() => process.exit(7), 200);
    },
    "throw in decode": async () => {
      await inDecode();
      setTimeout(() => {
        throw new Error("nobody catches this");
      });
    },
    "return in decode": async () => {
      await inDecode();
    },
    "return in prefill": async () => {
      await inPrefill();
    },
    "return with an unread reply": async () => {
      begin(endless);
    },
    "return with a paused reply": async () => {
      begin(endless);
      await paused(model);
    },
    "return with an idle model": async () => {
      await Promise.all(begin({ maxTokens: 2 }));
    },
    "return with a failed reply": async () => {
      for (const _ of numbers) model.reply([]);
    },
    "return with an awaited reply": async () => {
      for (const reply of begin({ maxTokens: 8 }))
        reply.then(({ usage }) => console.log("generated", usage.generatedTokens));
    },
    "close in decode": async () => {
      const iterators = await inDecode();
      await Promise.all(iterators.map((iterator) => iterator.next()));
      await model.close();
    },
    "close in prefill": async () => {
      const replies = await inPrefill();
      await model.close();
      await codes(replies);
    },
    "close twice at once and read later": async () => {
      const replies = begin(endless);
      await paused(model);
      await Promise.all([model.close(), model.close()]);
      await codes(replies);
    },
  };
  await ways[way]();
  console.log("begun");
}
