// `caduceus serve`: models behind an OpenAI-compatible server, until a signal ends it.
import { once } from "node:events";
import { CaduceusError, type LoadProgress } from "../../index.js";
import { createHandler, listen } from "../../server/index.js";
import { ExitCode, Interrupted, UsageError } from "../exit_codes.js";
import { ProgressBar } from "../output/progress_bar.js";
import { note } from "../output/terminal.js";
import { readUserText } from "../output/user_text.js";
import type { ServedModelsFlags } from "./served_models.js";
import { openSource } from "./served_source.js";

export interface ServeFlags extends ServedModelsFlags {
  readonly host: string;
  readonly port: number;
  readonly apiKey?: string[];
  readonly apiKeyFile?: string;
  readonly allowedHost?: string[];
  readonly corsOrigin?: string[];
  readonly maxQueue?: number;
  readonly maxBody?: number;
  readonly maxBodiesPerAddress?: number;
  /** Milliseconds. */
  readonly replyTimeout?: number;
  /** Milliseconds. */
  readonly grace?: number;
  readonly page: boolean;
}

export async function serveCommand(flags: ServeFlags, ending: AbortSignal): Promise<void> {
  const apiKeys = await readKeys(flags);
  const source = await openSource(flags, ending, showFetching);
  const stop = stopOn(ending);
  const stopping = stop.signal;
  const graceMs = flags.grace ?? 10_000;
  stopping.addEventListener("abort", () => endAnyway(graceMs + closingMs), { once: true });
  try {
    const handler = createHandler({
      models: source.models,
      apiKeys: apiKeys.length === 0 ? undefined : apiKeys,
      allowedHosts: [flags.host, ...(flags.allowedHost ?? [])],
      corsOrigins: flags.corsOrigin,
      page: flags.page,
      maxQueue: flags.maxQueue,
      maxBodyBytes: flags.maxBody,
      maxPendingBodiesPerAddress: flags.maxBodiesPerAddress,
      replyTimeoutMs: flags.replyTimeout,
      onError: (error) => {
        // A model that does not load at the start ends the command, which then says so itself.
        if (source.isReady) note(`caduceus: ${reasonOf(error)}`);
      },
    });
    const server = await listen(handler, { host: flags.host, port: flags.port }).catch((error: unknown) => {
      throw error instanceof CaduceusError && error.code === "SYSTEM_ERROR"
        ? new UsageError(`${error.problem} Give another --${error.param}.`)
        : error;
    });
    try {
      // It answers that it loads, but nobody is told to use it before it can be used.
      const { names, loading } = source;
      if (loading.length > 0) note(`Loading ${loading.join(", ")}.`);
      await unlessAborted(source.ready(), stopping);
      note(
        `Listening on ${server.url}, models: ${names.join(", ")}.${flags.page ? ` The page is at ${server.url}/.` : ""}`,
      );
      if (apiKeys.length === 0 && !isLoopback(flags.host))
        note("Whoever reaches it may use it: there are no API keys. --api-key-file names some.");
      note("Ready.");
      const inspected = source.inspect(stopping);
      if (!stopping.aborted) await once(stopping, "abort");
      note("Ending.");
      await inspected;
    } finally {
      await server.close({ graceMs });
    }
  } catch (error) {
    // Loading that the signal ended is no failure.
    const hasFailed = !stopping.aborted || error !== stopping.reason;
    stop.abort(error);
    if (hasFailed) throw error;
  } finally {
    await source.close();
  }
  ending.throwIfAborted();
}

/** Rejects with the signal's reason as soon as it aborts. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([promise, aborted]);
}

/** What is wrong with a model is a sentence; all else is a fault of ours. */
function reasonOf(error: unknown): string {
  if (error instanceof CaduceusError) return `${error.message} (${error.code})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** A bar while a model is being fetched, which may take long. */
function showFetching(name: string): (progress: LoadProgress) => void {
  const bar = new ProgressBar(`Fetching ${name}`);
  return ({ stage, ...fetched }) => (stage === "fetch" && fetched.fraction < 1 ? bar.show(fetched) : bar.clear());
}

/**
 * Milliseconds after the grace time in which models are closed: what is being compiled for one of them is waited for.
 */
const closingMs = 20_000;

/** Whatever hangs then, in the engine or beside it, ends with the process. */
function endAnyway(afterMs: number): void {
  setTimeout(() => {
    note("caduceus: The models did not close in time; the process ends without them.");
    process.kill(process.pid, "SIGKILL");
  }, afterMs).unref();
}

/**
 * Aborts on Ctrl-C, and on SIGTERM, which is no failure. A second signal, of whichever kind, ends the process at once.
 */
function stopOn(ending: AbortSignal): AbortController {
  const stopping = new AbortController();
  process.on("SIGTERM", () => {
    if (stopping.signal.aborted) process.exit(ExitCode.terminated);
    stopping.abort(new Error("SIGTERM"));
  });
  // Of two Ctrl-C the second one ends every command.
  ending.addEventListener(
    "abort",
    () => {
      if (stopping.signal.aborted && ending.reason instanceof Interrupted) process.exit(ExitCode.interrupted);
      stopping.abort(ending.reason);
    },
    { once: true },
  );
  if (ending.aborted) stopping.abort(ending.reason);
  return stopping;
}

/** From all three places. */
async function readKeys(flags: ServeFlags): Promise<string[]> {
  const lines = flags.apiKeyFile === undefined ? [] : (await readUserText(flags.apiKeyFile)).split(/\r?\n/);
  const fromEnvironment = (process.env["CADUCEUS_API_KEYS"] ?? "").split(",");
  const keys = [...(flags.apiKey ?? []), ...lines, ...fromEnvironment]
    .map((key) => key.trim())
    .filter((key) => key !== "" && !key.startsWith("#"));
  // An empty file or variable must not open the server to everyone.
  if (
    keys.length === 0 &&
    (flags.apiKeyFile !== undefined || flags.apiKey !== undefined || process.env["CADUCEUS_API_KEYS"] !== undefined)
  )
    throw new UsageError("Expected at least one API key but there is none.");
  return keys;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || /^\[?::1\]?$/.test(host) || host.startsWith("127.");
}
