// Two models, of which only one fits into the memory they may take: each is loaded when it is asked, and leaves for the other.
import { ModelPool } from "caduceus";

const [first = "hermes-2-pro", second = "smollm2", gibibytes = "8"] = process.argv.slice(2);
const pool = new ModelPool({
  models: { first: { model: first, contextSize: 2048 }, second: { model: second, contextSize: 2048 } },
  maxMemoryBytes: Math.floor(Number(gibibytes) * 2 ** 30),
  keepAliveMs: 300_000,
});

const ask = async (name) => {
  const { text } = await pool.use(name, (model) => model.reply("Why is the sky blue?", { maxTokens: 30 }));
  console.log(`${name}: ${text.replaceAll(/\s+/g, " ")}`);
};

await Promise.all([ask("first"), ask("second"), ask("first")]);
console.log(pool.list().map(({ name, state, loads }) => `${name} is ${state} and was loaded ${loads === 1 ? "once" : `${loads} times`}`).join(", "));
await pool.close();
