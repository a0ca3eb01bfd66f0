// One model, two adapters (LoRA), the same question: node adapters.mjs MODEL.gguf FIRST.gguf SECOND.gguf
import { load } from "caduceus";
const [model, ...files] = process.argv.slice(2);
const loaded = await load(model ?? "hermes-2-pro", { adapters: files.map((path) => ({ path, scale: 0 })) });
const answers = [[], ...loaded.adapters.map(({ name }) => name)].map(async (adapter) => {
  const { text } = await loaded.reply("What do you do on a Sunday?", { adapter, maxTokens: 60 });
  console.log(`${adapter.length === 0 ? "without" : adapter}: ${text}`);
});
await Promise.all(answers);
await loaded.close();
