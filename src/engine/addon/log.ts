// llama.cpp's log, which is off by default. There is one for the whole process, workers included: the last sink that
// was set gets it, as long as its thread lives.
import { invalidArgument } from "../../errors.js";
import { loadAddon } from "./load_addon.js";

/** How much is logged; each level includes those before it. */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** One line of llama.cpp's log. */
export interface LogEntry {
  /** Of this line. */
  readonly level: LogLevel;
  /** One line, without its newline. */
  readonly message: string;
}

const levels = ["error", "warn", "info", "debug"] as const;

/** Of this thread. */
let current: { readonly sink: (entry: LogEntry) => void; readonly level: LogLevel } | undefined;
const followers = new Set<(level: LogLevel | undefined) => void>();

/** Calls `react` with the level that is wanted whenever it changes, and now if any is. Gives what ends that. */
export function followLogLevel(react: (level: LogLevel | undefined) => void): () => void {
  followers.add(react);
  if (current !== undefined) react(current.level);
  return () => followers.delete(react);
}

/** Hands a line of another process to this thread's sink, where that wants it. */
export function tellLog(entry: LogEntry): void {
  if (current === undefined || levels.indexOf(entry.level) > levels.indexOf(current.level)) return;
  try {
    current.sink(entry);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

/**
 * Sends llama.cpp's log to a function, for the whole process, and that of the models which this thread has loaded with
 * `isolate`. Nothing is logged by default, and never to standard output. Of several threads that have a sink, the one
 * that set it last gets the log, until it ends or takes its sink away (`setLog(undefined)`). The level defaults to
 * `"warn"`.
 *
 * ```ts
 * import { setLog } from "caduceus";
 *
 * setLog(({ level, message }) => console.error(level, message), "info");
 * ```
 *
 * @throws CaduceusError `INVALID_ARGUMENT`, `ADDON_NOT_FOUND`
 */
export function setLog(sink: ((entry: LogEntry) => void) | undefined, level: LogLevel = "warn"): void {
  if (sink !== undefined && typeof sink !== "function")
    throw invalidArgument("a function", "the log's sink", sink, { param: "sink" });
  const limit = levels.indexOf(level) + 1;
  if (limit === 0)
    throw invalidArgument(`one of ${levels.map((name) => JSON.stringify(name)).join(", ")}`, "the log's level", level, {
      param: "level",
    });
  if (sink === undefined) loadAddon().setLog(0);
  else loadAddon().setLog(limit, (at, message) => sink({ level: levels[at - 1] ?? "debug", message }));
  current = sink && { sink, level };
  for (const react of followers) react(current?.level);
}
