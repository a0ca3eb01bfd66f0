/**
 * OpenTelemetry: spans and metrics of replies and calls of tools, by the GenAI semantic conventions.
 * @module caduceus/opentelemetry
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { type Context, context, metrics, type MeterProvider, trace, type TracerProvider } from "@opentelemetry/api";
import type { DiagnosticsMessages, ToolStartMessage } from "../../index.js";
import { invalidArgument } from "../../errors.js";
import { checkBoolean, checkOptions } from "../../options/option_checks.js";
import { packageVersion } from "../../package_folder.js";
import { GenAiMetrics } from "./genai_metrics.js";
import { GenAiSpans } from "./genai_spans.js";

/** What is recorded, and where to. */
export interface InstrumentOptions {
  /**
   * Whether spans contain what was said: messages, arguments of calls and their results. They may be confidential, and
   * long. Defaults to false.
   */
  readonly captureContent?: boolean | undefined;
  /** Defaults to the global one, which an SDK registers. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Defaults to the global one, which an SDK registers. */
  readonly meterProvider?: MeterProvider | undefined;
}

/**
 * Records a span for each reply of every model of this thread, for each of its turns where there are several, and for
 * each call of a tool, whose handler runs in the context of its span. The parent of a reply's span is the span that is
 * active where the reply is asked for. Metrics count tokens and measure times.
 *
 * @example
 * ```ts
 * import { load } from "caduceus";
 * import { instrument } from "caduceus/opentelemetry";
 *
 * const stop = instrument();                          // with the SDK that was set up before
 * const model = await load("smollm2");
 * await model.reply("Why is the sky blue?");
 * await model.close();
 * stop();
 * ```
 *
 * @returns a function that ends it
 * @throws CaduceusError `INVALID_ARGUMENT`
 */
export function instrument(options?: InstrumentOptions): () => void {
  const given = checkOptions(options, "instrument", ["captureContent", "tracerProvider", "meterProvider"]);
  const captureContent = checkBoolean(given["captureContent"], "captureContent") ?? false;
  const tracerProvider = provider<TracerProvider>(given, "tracerProvider", "getTracer") ?? trace;
  const meterProvider = provider<MeterProvider>(given, "meterProvider", "getMeter") ?? metrics;
  const scope = ["caduceus", packageVersion()] as const;
  const spans = new GenAiSpans(tracerProvider.getTracer(...scope), new GenAiMetrics(meterProvider.getMeter(...scope)));
  const ending = [
    listen("caduceus:reply:start", (message) => spans.replyStarted(message, context.active())),
    listen("caduceus:reply:end", (message) => spans.replyEnded(message)),
    listen("caduceus:round:start", (message) => spans.roundStarted(message)),
    listen("caduceus:round:end", (message) => spans.roundEnded(message)),
    runIn("caduceus:tool:start", (message) => spans.toolStarted(message, context.active())),
    listen("caduceus:tool:end", (message) => spans.toolEnded(message)),
  ];
  if (captureContent)
    ending.push(
      listen("caduceus:reply:content", (message) => spans.replySaid(message)),
      listen("caduceus:tool:content", (message) => spans.toolSaid(message)),
    );
  return () => {
    for (const end of ending.splice(0)) end();
    spans.close();
  };
}

function provider<P>(
  given: Readonly<Record<string, unknown>>,
  name: "tracerProvider" | "meterProvider",
  method: string,
): P | undefined {
  const value = given[name];
  const isOne =
    typeof value === "object" && value !== null && typeof (value as Record<string, unknown>)[method] === "function";
  if (value === undefined || isOne) return value as P | undefined;
  throw invalidArgument(`an object with ${method}`, name, value);
}

function listen<N extends keyof DiagnosticsMessages>(
  name: N,
  hear: (message: DiagnosticsMessages[N]) => void,
): () => void {
  const listener = (message: unknown) => hear(message as DiagnosticsMessages[N]);
  const own = channel(name);
  own.subscribe(listener);
  return () => void own.unsubscribe(listener);
}

/** Runs what follows a message in the context that `begin` gives. */
function runIn(name: "caduceus:tool:start", begin: (message: ToolStartMessage) => Context): () => void {
  const store = new ContextStore();
  const own = channel(name);
  own.bindStore(store, (message) => begin(message as ToolStartMessage));
  return () => void own.unbindStore(store);
}

/** What a channel takes for a store: the one that counts is that of OpenTelemetry's context manager. */
class ContextStore extends AsyncLocalStorage<Context> {
  override run<R, A extends unknown[]>(store: Context, callback: (...args: A) => R, ...args: A): R {
    return context.with(store, callback, undefined, ...args);
  }
}
