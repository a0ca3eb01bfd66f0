// What is measured of a model on this machine.
import type { Model } from "../../index.js";

/** What each measurement gave, in the order of the runs. */
export interface Row {
  /** Such as `read 512 tokens`. */
  readonly name: string;
  readonly unit: "tokens/s" | "ms";
  readonly values: number[];
}

const words = (
  "time year people way day man thing woman life child world school state family student group country problem hand part place case week company system program question " +
  "work government number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house service friend father"
).split(" ");

/** What the streams begin with, and what a prompt goes on with behind its cached beginning. */
export const shortPrompt = 16;

export class Measures {
  readonly #model: Model;
  readonly #signal: AbortSignal;
  /** Answers that would end by themselves would be of different lengths. */
  readonly #neverEnds: readonly (readonly [number, number])[];
  #scopes = 0;

  constructor(model: Model, signal: AbortSignal) {
    this.#model = model;
    this.#signal = signal;
    this.#neverEnds = model.info.endOfGenerationTokens.map((token) => [token, Number.NEGATIVE_INFINITY] as const);
  }

  /** A prompt that no cache has seen, and then one that goes on from it. */
  async read(
    tokens: number,
  ): Promise<{ readonly tokensPerSecond: number; readonly firstTokenMs: number; readonly cachedFirstTokenMs: number }> {
    const [prompt, cacheScope] = [await this.#words(tokens), this.#newScope()];
    const uncached = await this.#complete(prompt, 1, cacheScope);
    const warm = await this.#complete([...prompt, ...(await this.#words(shortPrompt))], 1, cacheScope);
    return {
      tokensPerSecond: (uncached.usage.promptTokens * 1000) / uncached.timings.promptMs,
      firstTokenMs: uncached.timings.firstTokenMs,
      cachedFirstTokenMs: warm.timings.firstTokenMs,
    };
  }

  /** Tokens a second of so many answers together, from the first token of the first to the last of the last. */
  async write(streams: number, tokens: number): Promise<number> {
    const prompts = await Promise.all(Array.from({ length: streams }, () => this.#words(shortPrompt)));
    const results = await Promise.all(prompts.map((prompt) => this.#complete(prompt, tokens, this.#newScope())));
    const begin = Math.min(...results.map(({ timings }) => timings.firstTokenMs));
    const end = Math.max(...results.map(({ timings }) => timings.firstTokenMs + timings.generationMs));
    const generated = results.reduce((sum, { usage }) => sum + usage.generatedTokens - 1, 0);
    return (generated * 1000) / (end - begin);
  }

  async #complete(tokens: readonly number[], maxTokens: number, cacheScope: string) {
    return this.#model.complete([{ tokens }], {
      maxTokens,
      temperature: 0,
      logitBias: this.#neverEnds,
      cacheScope,
      signal: this.#signal,
    });
  }

  /** Tokens of words in some order, so that no two prompts are alike. */
  async #words(count: number): Promise<number[]> {
    const text = Array.from({ length: count }, () => words[Math.floor(Math.random() * words.length)]).join(" ");
    return [...(await this.#model.tokenize(text))].slice(0, count);
  }

  #newScope(): string {
    return `bench ${this.#scopes++}`;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle]! + sorted[middle - 1]!) / 2;
}
