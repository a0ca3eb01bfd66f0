// Metrics by the GenAI semantic conventions, with the buckets that they advise.
import type { Attributes, Histogram, Meter } from "@opentelemetry/api";
import type { Timings, Usage } from "../../index.js";

const powers = (first: number, factor: number, count: number) =>
  Array.from({ length: count }, (_, index) => first * factor ** index);
const tokenBuckets = powers(1, 4, 14);
const durationBuckets = powers(0.01, 2, 14);
const firstTokenBuckets = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const nextTokenBuckets = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

export class GenAiMetrics {
  readonly #duration: Histogram;
  readonly #tokens: Histogram;
  readonly #firstToken: Histogram;
  readonly #nextToken: Histogram;

  constructor(meter: Meter) {
    const histogram = (name: string, unit: string, description: string, explicitBucketBoundaries: number[]) =>
      meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries } });
    this.#duration = histogram("gen_ai.client.operation.duration", "s", "GenAI operation duration", durationBuckets);
    this.#tokens = histogram(
      "gen_ai.client.token.usage",
      "{token}",
      "Number of input and output tokens used",
      tokenBuckets,
    );
    this.#firstToken = histogram(
      "gen_ai.server.time_to_first_token",
      "s",
      "Time to generate the first token",
      firstTokenBuckets,
    );
    this.#nextToken = histogram(
      "gen_ai.server.time_per_output_token",
      "s",
      "Time per output token after the first",
      nextTokenBuckets,
    );
  }

  /** An operation is over. */
  ended(milliseconds: number, attributes: Attributes): void {
    this.#duration.record(milliseconds / 1000, attributes);
  }

  /** A turn of the model is over. */
  answered({ promptTokens, generatedTokens }: Usage, timings: Timings | undefined, attributes: Attributes): void {
    this.#tokens.record(promptTokens, { ...attributes, "gen_ai.token.type": "input" });
    this.#tokens.record(generatedTokens, { ...attributes, "gen_ai.token.type": "output" });
    if (timings === undefined || generatedTokens === 0) return;
    this.#firstToken.record(timings.firstTokenMs / 1000, attributes);
    if (generatedTokens > 1) this.#nextToken.record(timings.generationMs / 1000 / (generatedTokens - 1), attributes);
  }
}
