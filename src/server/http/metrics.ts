// Numbers in Prometheus' text format. Counters and histograms of the server, and what the engines say of themselves.
import type { EngineStats, PooledModel } from "../../index.js";
import type { Finished } from "../service.js";
import { statsOf } from "../stats.js";

/** A sample's labels, written out: `model="hermes"`. */
type Labels = string;

class Counter {
  readonly #values = new Map<Labels, number>();

  add(labels: Labels, count = 1): void {
    this.#values.set(labels, (this.#values.get(labels) ?? 0) + count);
  }

  *lines(name: string): Generator<string> {
    for (const [labels, value] of this.#values) yield `${name}{${labels}} ${value}`;
  }
}

class Histogram {
  readonly #bounds: readonly number[];
  readonly #series = new Map<Labels, { readonly counts: number[]; sum: number; count: number }>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    let series = this.#series.get(labels);
    if (series === undefined)
      this.#series.set(labels, (series = { counts: this.#bounds.map(() => 0), sum: 0, count: 0 }));
    this.#bounds.forEach((bound, index) => value <= bound && series.counts[index]!++);
    series.sum += value;
    series.count++;
  }

  *lines(name: string): Generator<string> {
    for (const [labels, { counts, sum, count }] of this.#series) {
      for (const [index, bound] of this.#bounds.entries())
        yield `${name}_bucket{${labels},le="${bound}"} ${counts[index]}`;
      yield `${name}_bucket{${labels},le="+Inf"} ${count}`;
      yield `${name}_sum{${labels}} ${sum}`;
      yield `${name}_count{${labels}} ${count}`;
    }
  }
}

const seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** The engine's statistics as metrics. */
const engineNumbers: readonly (readonly [
  name: string,
  type: "gauge" | "counter",
  help: string,
  read: (stats: EngineStats) => number,
])[] = [
  ["caduceus_engine_running", "gauge", "Answers in prefill or decoding.", (stats) => stats.running],
  ["caduceus_engine_queued", "gauge", "Answers that wait for a place in the batch.", (stats) => stats.queued],
  ["caduceus_engine_paused", "gauge", "Answers paused for a slow reader.", (stats) => stats.paused],
  ["caduceus_cache_tokens", "gauge", "Size of the KV cache in tokens.", (stats) => stats.cacheTokens],
  ["caduceus_cache_tokens_used", "gauge", "Tokens in the KV cache.", (stats) => stats.cacheTokensUsed],
  ["caduceus_prompt_tokens_total", "counter", "Prompt tokens.", (stats) => stats.promptTokens],
  ["caduceus_cached_tokens_total", "counter", "Prompt tokens that were cached.", (stats) => stats.cachedTokens],
  [
    "caduceus_restored_tokens_total",
    "counter",
    "Cached tokens loaded from host memory or disk.",
    (stats) => stats.restoredTokens,
  ],
  ["caduceus_generated_tokens_total", "counter", "Generated tokens.", (stats) => stats.generatedTokens],
];

/** What there is of each model, loaded or not. */
const modelNumbers: readonly (readonly [
  name: string,
  type: "gauge" | "counter",
  help: string,
  read: (model: PooledModel) => number,
])[] = [
  ["caduceus_model_loaded", "gauge", "1 where the model is loaded.", ({ state }) => Number(state === "loaded")],
  ["caduceus_model_active", "gauge", "Requests that use the model.", ({ active }) => active],
  ["caduceus_model_waiting", "gauge", "Requests that wait until the model is loaded.", ({ waiting }) => waiting],
  ["caduceus_model_memory_bytes", "gauge", "Memory that counts for the limit.", ({ memoryBytes }) => memoryBytes],
  ["caduceus_model_loads_total", "counter", "How often the model was loaded.", ({ loads }) => loads],
  ["caduceus_model_load_failures_total", "counter", "How often it could not be.", ({ failures }) => failures],
];

export class Metrics {
  readonly #responses = new Counter();
  readonly #errors = new Counter();
  readonly #cancelled = new Counter();
  readonly #firstToken = new Histogram(seconds);
  readonly #queue = new Histogram(seconds);
  readonly #speed = new Histogram([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]);

  /** `route` is one of the server's own, so that nobody makes series without end. */
  responded(route: string, status: number): void {
    this.#responses.add(`route="${route}",status="${status}"`);
  }

  failed(code: string): void {
    this.#errors.add(`code="${code}"`);
  }

  /** The client went away, or its time was over. */
  cancelled(code: string): void {
    this.#cancelled.add(`reason="${code}"`);
  }

  finished(model: string, { timings, usage }: Finished): void {
    const labels = `model=${quote(model)}`;
    this.#queue.observe(labels, timings.queueMs / 1000);
    if (timings.firstTokenMs > 0) this.#firstToken.observe(labels, timings.firstTokenMs / 1000);
    if (usage.generatedTokens > 1) this.#speed.observe(labels, timings.tokensPerSecond);
  }

  text({
    waiting,
    active,
    models,
  }: {
    readonly waiting: number;
    readonly active: number;
    readonly models: readonly PooledModel[];
  }): string {
    const lines: string[] = [];
    const family = (name: string, type: string, help: string, samples: Iterable<string>) =>
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
    family("caduceus_waiting", "gauge", "Answers that wait for their first token.", [`caduceus_waiting ${waiting}`]);
    family("caduceus_active", "gauge", "Requests being answered.", [`caduceus_active ${active}`]);
    family(
      "caduceus_http_responses_total",
      "counter",
      "Responses by route and status.",
      this.#responses.lines("caduceus_http_responses_total"),
    );
    family(
      "caduceus_errors_total",
      "counter",
      "Errors by code, in streams too.",
      this.#errors.lines("caduceus_errors_total"),
    );
    family(
      "caduceus_cancelled_total",
      "counter",
      "Answers ended before they were whole.",
      this.#cancelled.lines("caduceus_cancelled_total"),
    );
    family(
      "caduceus_queue_seconds",
      "histogram",
      "From the request until its prompt was begun, of answers that came to their end.",
      this.#queue.lines("caduceus_queue_seconds"),
    );
    family(
      "caduceus_time_to_first_token_seconds",
      "histogram",
      "From the request to its first token, of answers that came to their end.",
      this.#firstToken.lines("caduceus_time_to_first_token_seconds"),
    );
    family(
      "caduceus_tokens_per_second",
      "histogram",
      "Of each answer, after its first token.",
      this.#speed.lines("caduceus_tokens_per_second"),
    );
    for (const [name, type, help, read] of modelNumbers)
      family(
        name,
        type,
        help,
        models.map((state) => `${name}{model=${quote(state.name)}} ${read(state)}`),
      );
    const stats = models.flatMap(({ name, model }) => {
      const read = model && statsOf(model);
      return read === undefined ? [] : [[name, read] as const];
    });
    for (const [name, type, help, read] of engineNumbers)
      family(
        name,
        type,
        help,
        stats.map(([model, numbers]) => `${name}{model=${quote(model)}} ${read(numbers)}`),
      );
    return `${lines.join("\n")}\n`;
  }
}

const quote = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
