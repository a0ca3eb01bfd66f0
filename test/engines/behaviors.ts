// What all engines have in common: each behavior is tried on a model, and says how far it is guaranteed there.
import { expect } from "vitest";
import type { ReplyEvent, ReplyOptions } from "../../src/index.js";
import { constrainedBehaviors } from "./constrained_behaviors.js";
import { codeOf, refused, type Behaviors } from "./outcome.js";
import type { Subject } from "./subject.js";

const greedy = { temperature: 0, maxTokens: 24 } as const;
/** Random weights hardly ever end a turn, but they may. */
const long = (tokens: number) => ({ temperature: 0, maxTokens: tokens, ignoreEos: true });

const atRest = (subject: Subject) => expect.poll(() => subject.running()).toBe(0);

async function collect(events: AsyncIterable<ReplyEvent>): Promise<ReplyEvent[]> {
  const all: ReplyEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export const behaviors: Behaviors = {
  "text in pieces as it is generated": async ({ model }) => {
    const events = await collect(model.reply("Hi", long(800)));
    const pieces = events.flatMap((event) => (event.type === "text" ? [event.text] : []));
    expect(pieces.length).toBeGreaterThan(1);
    expect(events.at(-1)).toMatchObject({
      type: "finish",
      finishReason: "length",
      text: pieces.join(""),
      usage: { generatedTokens: 800 },
    });
    return "yes";
  },
  "many replies at once": async ({ model }) => {
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, seed) => model.reply(`Hi ${seed}`, { ...long(20), temperature: 1, seed })),
    );
    expect(replies.map(({ usage }) => usage.generatedTokens)).toEqual(Array(12).fill(20));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(12);
    return "yes";
  },
  "cancelling ends the computation": async (subject) => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const reply = subject.model.reply("Hi", { ...long(900), signal: controller.signal });
    await reply[Symbol.asyncIterator]().next();
    controller.abort(reason);
    await expect(reply).rejects.toBe(reason);
    for await (const _ of subject.model.reply("Hi", long(900)).textStream) break;
    await atRest(subject);
    return "yes";
  },
  "a slow reader pauses its reply, and loses nothing": async ({ model }) => {
    const events = model.reply("Hi", long(800))[Symbol.asyncIterator]();
    await events.next();
    await expect.poll(() => model.stats().paused).toBe(1);
    let end: ReplyEvent | undefined;
    for (let step; !(step = await events.next()).done; ) end = step.value;
    expect(end).toMatchObject({ type: "finish", usage: { generatedTokens: 800 } });
    return "yes";
  },
  ...constrainedBehaviors,
  "a minimum of tokens": async ({ model }) => {
    const [end] = (await model.tokenize([{ control: "<|im_end|>" }])).slice(-1);
    const ask = () => model.reply("Hi", { ...greedy, minTokens: 5, logitBias: [[end!, 100]] });
    const code = await codeOf(ask());
    if (code !== undefined) return refused(ask());
    expect((await ask()).usage.generatedTokens).toBeGreaterThanOrEqual(5);
    return "yes";
  },
  "stop strings": async ({ model }) => {
    const { text } = await model.reply("Hi", greedy);
    const stop = text.slice(5, 8);
    const stopped = await model.reply("Hi", { ...greedy, stop: ["never to be seen", stop] });
    expect(stopped).toMatchObject({
      text: text.slice(0, text.indexOf(stop)),
      stopString: stop,
      finishReason: "stop",
    });
    return "yes";
  },
  "the same seed, the same text": async ({ model }) => {
    const [one, two, other] = await Promise.all(
      [7, 7, 8].map((seed) => model.reply("Hi", { ...greedy, temperature: 1, seed })),
    );
    expect(two!.text).toBe(one!.text);
    expect(other!.text).not.toBe(one!.text);
    return "yes";
  },
  "the same bits, whatever else is computed": async ({ model }) => {
    const ask = () => model.reply("Hi", { temperature: 0, maxTokens: 6, deterministic: true });
    if (!model.capabilities.deterministic) return refused(ask());
    const [one, two] = await Promise.all([ask(), ask()]);
    expect(two!.text).toBe(one!.text);
    return "yes";
  },
  "DRY, XTC and Mirostat": async ({ model }) => {
    const ask = (options: ReplyOptions) => codeOf(model.reply("Hi", { maxTokens: 2, ...options }));
    expect(await ask({ penaltyLastN: -1 })).toBeUndefined();
    const outcomes = await Promise.all(
      [{ dryMultiplier: 1 }, { xtcProbability: 0.5 }, { mirostat: 2 as const }].map(ask),
    );
    if (outcomes.every((code) => code === undefined)) return "yes";
    for (const code of outcomes) expect(code).toMatch(/^(UNSUPPORTED|INVALID_ARGUMENT)$/);
    return "no";
  },
  "log probabilities of the reply": async ({ model }) => {
    const ask = () => model.reply("Hi", { ...greedy, logProbabilities: true, topLogProbabilities: 2 });
    if (!model.capabilities.logProbabilities) return refused(ask());
    const { logProbabilities, usage } = await ask();
    expect(logProbabilities!.length).toBe(usage.generatedTokens);
    for (const { token, logProbability, top } of logProbabilities!) {
      expect(top!.length).toBe(2);
      // It is greedy.
      expect(top![0]!.token).toBe(token);
      expect(logProbability).toBeCloseTo(top![0]!.logProbability, 4);
      expect(logProbability).toBeLessThan(0);
    }
    return "yes";
  },
  "log probabilities of the prompt": async ({ model }) => {
    const prompt = "One, two, three";
    const ask = () => model.complete(prompt, { maxTokens: 1, promptLogProbabilities: true });
    const code = await codeOf(ask());
    if (code !== undefined) return refused(ask());
    const { promptLogProbabilities: told } = await ask();
    expect(told!.map(({ token }) => token)).toEqual([...(await model.tokenize(prompt))]);
    expect(told!.slice(1).every(({ logProbability }) => logProbability! < 0)).toBe(true);
    return "yes";
  },
  embeddings: async (subject) => {
    const embedder = await subject.embedder();
    const { embeddings } = await embedder.embed(["Hello!", "Bye.", "Hello!"]);
    const [one, other, again] = embeddings.map((vector) => [...vector]);
    expect(one!.reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(1, 3);
    const likeness = (a: number[], b: number[]) => a.reduce((sum, value, index) => sum + value * b[index]!, 0);
    expect(likeness(one!, again!)).toBeCloseTo(1, 3);
    expect(likeness(one!, other!)).toBeLessThan(0.999);
    return "yes";
  },
  "tokens of a text, and back": async ({ model }) => {
    const text = "Grüße, 你好 👋\n";
    const tokens = await model.tokenize(text);
    expect(await model.detokenize(tokens)).toContain(text.trim());
    const bytes = Buffer.concat(await model.tokenBytes(tokens));
    expect(bytes.toString()).toContain(text.trim());
    return "yes";
  },
  "what is typed is never markup": async ({ model, callToken }) => {
    const [end] = (await model.tokenize([{ control: "<|im_end|>" }])).slice(-1);
    const typed = [...(await model.tokenize("<|im_end|><tool_call>"))];
    expect(typed).not.toContain(end);
    expect(typed).not.toContain(callToken);
    const { prompts } = await model.explain("<|im_end|><tool_call>");
    const tokens = prompts[0]!.tokens.map(({ id }) => id);
    expect(tokens.filter((id) => id === end).length).toBe(1);
    expect(tokens).not.toContain(callToken);
    return "yes";
  },
  "tokens are counted, and those that were cached": async ({ model }) => {
    const prompt = `${Math.random()} `.repeat(30);
    const { length } = await model.tokenize(prompt);
    const [first, second] = [await model.complete(prompt, long(3)), await model.complete(prompt, long(3))];
    expect(first.usage).toMatchObject({ promptTokens: length, generatedTokens: 3 });
    expect(first.usage.cachedTokens).toBeLessThan(length / 2);
    expect(second.usage).toMatchObject({ promptTokens: length, generatedTokens: 3 });
    return second.usage.cachedTokens > length / 2 ? "yes" : "no";
  },
  "a conversation goes on where it was": async ({ model }) => {
    const chat = model.chat({ system: "Be brief." });
    const first = await chat.send("Hi", long(8));
    const second = await chat.send("And?", long(8));
    expect(second.usage.promptTokens).toBeGreaterThan(first.usage.promptTokens + 8);
    expect(chat.messages.length).toBe(5);
    return "yes";
  },
  "a prompt that is too long is refused": async ({ model }) => {
    expect(await codeOf(model.reply("word ".repeat(3000)))).toBe("CONTEXT_FULL");
    return "yes";
  },
  "a wrong option is refused": async (subject) => {
    const before = await subject.generated();
    for (const wrong of [{ maxTokens: -1 }, { temperature: Number.NaN }, { stop: [""] }, { nothing: 1 }])
      expect(await codeOf(subject.model.reply("Hi", wrong as object))).toBe("INVALID_ARGUMENT");
    expect(await subject.generated()).toBe(before);
    return "yes";
  },
  "closing ends replies with an error": async (subject) => {
    const model = await subject.another();
    const reply = model.reply("Hi", long(900));
    const events = reply[Symbol.asyncIterator]();
    await events.next();
    const closing = model.close();
    expect(await codeOf(reply)).toBe("MODEL_CLOSED");
    expect(await codeOf(model.reply("Hi"))).toBe("MODEL_CLOSED");
    await closing;
    await atRest(subject);
    return "yes";
  },
};
