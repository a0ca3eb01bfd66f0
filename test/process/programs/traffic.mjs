// What people do with one model, at random: replies, chats and their forks, tools, raw prompts, repeated to the bit,
// refused, and aborted in the queue, while the prompt is read and while the answer is written. For programs that repeat
// it very often.
import { createAddonEngine } from "../../../dist/engine/addon/addon_engine.js";
import { Model } from "../../../dist/chat/model.js";
import { LoadedModel } from "../../../dist/model/loading/loaded_model.js";
import { tool } from "caduceus";
import { cachedModel } from "../../support/gguf/make_model.mjs";
import { speak } from "../../support/engines/speak.mjs";

const imEnd = 32000;
const tools = [
  tool({
    name: "add",
    parameters: { type: "object", properties: { a: { type: "number" } } },
    execute: ({ a = 0 }) => a + 1,
  }),
];
const system = "You are brief. ".repeat(12);
export const modelPath = () => cachedModel({ shape: "tiny", added: "control" });

/** The tiny model with Hermes' vocabulary, which calls its tool once in every reply that has one. */
export async function openTrafficModel(options = {}) {
  const engine = await createAddonEngine({
    kvType: "f16",
    gpuLayers: 0,
    contextSize: 2048,
    cacheTokens: 4096,
    threads: 1,
    prefixFolderBytes: 0,
    ...options,
    path: modelPath(),
  });
  const submit = engine.submit.bind(engine);
  engine.submit = (request) => {
    if (request.cacheScope !== "tools") return submit(request);
    const first = !request.prompt.some((part) => "text" in part && part.text.includes("tool_response"));
    const ending = {
      ...request,
      sampling: { ...request.sampling, logitBias: [...request.sampling.logitBias, [imEnd, 100]] },
    };
    return speak(
      engine,
      submit,
      ending,
      first ? '<tool_call>\n{"arguments": {"a": 1}, "name": "add"}\n</tool_call>' : "It is 2.",
    );
  };
  return new Model(await LoadedModel.of(engine, { format: "hermes", variant: "card" }));
}

/** Each does something and gives the number of replies that came to their end by it. */
export const requests = {
  async reply(model, random) {
    const extras = [
      {},
      { logProbabilities: true },
      { stop: ["e", "the end"] },
      { temperature: 0 },
      { seed: 5 },
      { cacheScope: "tenant" },
    ];
    await model.reply(`Tell me of ${random.below(500)}.`, { maxTokens: 1 + random.below(8), ...random.pick(extras) });
    return 1;
  },
  async chat(model, random) {
    const chat = model.chat({ system: `${system}${random.below(40)}`, maxTokens: 1 + random.below(6) });
    await chat.send("Hello.");
    const other = chat.fork();
    await Promise.all([chat.send("Go on."), other.send("No, stop.")]);
    await Promise.all([chat.close(), other.close()]);
    return 3;
  },
  async tools(model, random) {
    const { rounds } = await model.reply(`1 + ${random.below(100)}?`, { tools, cacheScope: "tools", maxTokens: 12 });
    if (rounds.length !== 2) throw new Error(`Expected two rounds but there were ${rounds.length}.`);
    return 1;
  },
  async complete(model, random) {
    const tokens = await model.tokenize(`Number ${random.below(1000)} is`);
    await model.detokenize(tokens);
    await model.complete([{ tokens }], { maxTokens: 3, keepPrefix: random.below(2) === 0 });
    return 1;
  },
  async exact(model, random) {
    await model.reply(`${random.below(9)}?`, { deterministic: true, temperature: 0, maxTokens: 2 });
    return 1;
  },
  async refused(model) {
    await model.reply("word ".repeat(3000)).catch((error) => {
      if (error.code !== "CONTEXT_FULL") throw error;
    });
    return 1;
  },
};

const reason = new Error("aborted on purpose");
const aborted = (reply) =>
  reply.then(
    () => 0,
    (error) => {
      if (error !== reason) throw error;
      return 1;
    },
  );
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** As many are aborted in the queue at once, elsewhere one by one. */
export const crowd = 8;

/** Each aborts replies somewhere and gives how many it has aborted there. */
export const aborts = {
  async "in the queue"(model, random) {
    const others = Promise.all(Array.from({ length: 70 }, (_, n) => model.reply(`Tell me of ${n}.`, { maxTokens: 8 })));
    let isOver = false;
    others.then(() => (isOver = true));
    const controller = new AbortController();
    // Behind all others; when as many wait, these do.
    const late = Array.from({ length: crowd }, () =>
      aborted(model.reply(`Late ${random.below(99)}.`, { priority: -100, signal: controller.signal })),
    );
    while (model.stats().queued < crowd && !isOver) await turn();
    controller.abort(reason);
    const counts = await Promise.all(late);
    return { there: counts.reduce((sum, one) => sum + one), requests: (await others).length };
  },
  async "while it reads"(model, random) {
    const controller = new AbortController();
    const before = model.stats();
    const reply = model.reply(`${random.next()} ${"All work and no play. ".repeat(200)}`, {
      signal: controller.signal,
      maxTokens: 4,
    });
    const end = aborted(reply);
    while (model.stats().running <= before.running && model.stats().steps < before.steps + 3) await turn();
    controller.abort(reason);
    return { there: await end, requests: 0 };
  },
  async "while it writes"(model, random) {
    const controller = new AbortController();
    const reply = model.reply(`Tell me of ${random.below(500)}.`, { signal: controller.signal });
    try {
      for await (const _ of reply.textStream) {
        if (random.below(2) === 0) return { there: 1, requests: 0 }; // Leaving is aborting too.
        controller.abort(reason);
      }
    } catch (error) {
      if (error !== reason) throw error;
    }
    return { there: 1, requests: 0 };
  },
};
