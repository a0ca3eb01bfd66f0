// `caduceus serve`: models behind an OpenAI-compatible server, until a signal ends it.
import { once } from "node:events";
import path from "node:path";
import { CaduceusError, load, type LoadProgress, type Model } from "../../index.js";
import { createHandler, listen } from "../../server/index.js";
import { ExitCode, Interrupted, UsageError } from "../exit_codes.js";
import type { ModelFlags } from "../flags/model_flags.js";
import { readLoadOptions } from "../flags/read_load_options.js";
import { ProgressBar } from "../output/progress_bar.js";
import { note } from "../output/terminal.js";
import { readUserText } from "../output/user_text.js";

export interface ServeFlags extends Omit<ModelFlags, "model"> {
  readonly model?: string[];
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
  readonly cacheTokens?: number;
  readonly isolate?: boolean;
  readonly page: boolean;
}

export async function serveCommand(flags: ServeFlags, ending: AbortSignal): Promise<void> {
  const sources = readModels(flags.model ?? ["smollm2"]);
  const [apiKeys, options] = [await readKeys(flags), await readLoadOptions(flags, ending)];
  const stop = stopOn(ending);
  const stopping = stop.signal;
  const graceMs = flags.grace ?? 10_000;
  stopping.addEventListener("abort", () => endAnyway(graceMs + closingMs), { once: true });
  const loading = Object.fromEntries(
    Object.entries(sources).map(([name, source]) => [
      name,
      load(source, {
        ...options,
        cacheTokens: flags.cacheTokens,
        isolate: flags.isolate,
        signal: stopping,
        onProgress: showFetching(name),
      }),
    ]),
  );
  const loaded = Promise.all(Object.values(loading));
  let isReady = false;
  loaded.catch(() => {}); // It is awaited below, after the server is there to say that they load.
  try {
    const handler = createHandler({
      models: loading,
      apiKeys: apiKeys.length === 0 ? undefined : apiKeys,
      allowedHosts: [flags.host, ...(flags.allowedHost ?? [])],
      corsOrigins: flags.corsOrigin,
      page: flags.page,
      maxQueue: flags.maxQueue,
      maxBodyBytes: flags.maxBody,
      maxPendingBodiesPerAddress: flags.maxBodiesPerAddress,
      replyTimeoutMs: flags.replyTimeout,
      onError: (error) => {
        // A model that does not load ends the command, which then says so itself.
        if (isReady) note(`caduceus: ${error instanceof Error ? error.stack : String(error)}`);
      },
    });
    const server = await listen(handler, { host: flags.host, port: flags.port }).catch((error: unknown) => {
      throw error instanceof CaduceusError && error.code === "SYSTEM_ERROR"
        ? new UsageError(`${error.problem} Give another --${error.param}.`)
        : error;
    });
    try {
      // It answers that it loads, but nobody is told to use it before it can be used.
      note(`Loading ${Object.keys(sources).join(", ")}.`);
      await loaded;
      isReady = true;
      note(
        `Listening on ${server.url}, models: ${Object.keys(sources).join(", ")}.${flags.page ? ` The page is at ${server.url}/.` : ""}`,
      );
      if (apiKeys.length === 0 && !isLoopback(flags.host))
        note("Whoever reaches it may use it: there are no API keys. --api-key-file names some.");
      note("Ready.");
      if (!stopping.aborted) await once(stopping, "abort");
      note("Ending.");
    } finally {
      await server.close({ graceMs });
    }
  } catch (error) {
    // Loading that the signal ended is no failure.
    const hasFailed = !stopping.aborted || error !== stopping.reason;
    stop.abort(error);
    if (hasFailed) throw error;
  } finally {
    for (const result of await Promise.allSettled(Object.values<Promise<Model>>(loading))) {
      if (result.status === "fulfilled") await result.value.close();
    }
  }
  ending.throwIfAborted();
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

/** What to load, by the names under which it is served. */
export function readModels(models: readonly string[]): Record<string, string> {
  const sources = models.map((model): readonly [string, string] => {
    const named = /^([^=/\\]+)=(.+)$/.exec(model);
    if (named === null && /^=|^[^=/\\]+=$/.test(model))
      throw new UsageError(`Invalid value for -m/--model: ${JSON.stringify(model)}. Expected NAME=PATH.`);
    if (named !== null) return [named[1]!, named[2]!];
    return [model.toLowerCase().endsWith(".gguf") ? path.basename(model).slice(0, -5) : model, model];
  });
  const names = sources.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UsageError(`Expected models of different names but ${twice} is there twice. Give NAME=PATH.`);
  return Object.fromEntries(sources);
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
