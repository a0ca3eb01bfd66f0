// Ends in the middle of things, in the way its argument names. Prints `begun` when it is there.
import { load } from "caduceus";

const prefillPrompt = "All work and no play makes a dull text. ".repeat(500);
const tellLong = "Tell a very long story about a lighthouse.";
const [way] = process.argv.slice(2);

if (way === "exit while loading") {
  load("smollm2", { onProgress: () => process.exit(7) });
} else if (way === "return while loading") {
  load("smollm2").then((model) => model.close()).then(() => console.log("loaded and closed"));
} else {
  const model = await load("smollm2");
  // A story that never ends by itself.
  const endless = { logitBias: model.info.endOfGenerationTokens.map((token) => [token, -Infinity]) };
  const inDecode = async () => {
    const iterator = model.reply(tellLong, endless).textStream[Symbol.asyncIterator]();
    await iterator.next();
    return iterator;
  };
  const inPrefill = async () => {
    const reply = model.reply(prefillPrompt);
    while (model.stats().running === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    // Not the reply itself: an async function would await it.
    return { reply };
  };
  const ways = {
    "exit in decode": async () => { await inDecode(); process.exit(7); },
    "exit in prefill": async () => { await inPrefill(); process.exit(7); },
    "exit with a reader waiting": async () => { model.reply(tellLong, endless).then(() => {}); setTimeout(() => process.exit(7), 200); },
    "throw in decode": async () => { await inDecode(); setTimeout(() => { throw new Error("nobody catches this"); }); },
    "return in decode": async () => { await inDecode(); },
    "return in prefill": async () => { await inPrefill(); },
    "return with an unread reply": async () => { model.reply(tellLong, endless); },
    "return with a parked reply": async () => { model.reply(tellLong, endless); while (model.stats().parked === 0) await new Promise((resolve) => setTimeout(resolve, 20)); },
    "return with an idle model": async () => { await model.reply("Hi", { maxTokens: 2 }); },
    "return with a failed reply": async () => { model.reply([]); },
    "return with an awaited reply": async () => { model.reply("Hi", { maxTokens: 20 }).then(({ usage }) => console.log("generated", usage.generatedTokens)); },
    "close in decode": async () => { const reading = inDecode().then((iterator) => iterator.next()); await reading; await model.close(); },
    "close in prefill": async () => { const { reply } = await inPrefill(); await model.close(); await reply.catch((error) => console.log(error.code)); },
    "close twice at once and read later": async () => {
      const reply = model.reply(tellLong, endless);
      while (model.stats().parked === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      await Promise.all([model.close(), model.close()]);
      await reply.catch((error) => console.log(error.code));
    },
  };
  await ways[way]();
  console.log("begun");
}
