// The process behind `load(…, { isolate })`: engines of the addon, asked by messages.
import { createAddonEngine } from "../addon/addon_engine.js";
import { listGpus } from "../addon/gpus.js";
import { setLog } from "../addon/log.js";
import type { Engine, EngineOptions, EngineStats, Run } from "../engine.js";
import { LogLines } from "./log_lines.js";
import { gatherMs, MessageBatch } from "./message_batch.js";
import { tokensAhead, tokensOf, toPlain, type Call, type FromHost, type ToHost } from "./messages.js";

/** How often what changed in the statistics is told. */
const statisticsMs = 100;

const engines = new Map<number, Engine>();
const runs = new Map<number, ServedRun>();
const calls = new Map<number, AbortController>();
const told = new Map<number, string>();
const batch = new MessageBatch<FromHost>((messages) => {
  if (process.connected) process.send?.(messages);
});

/** A run, and how many of its tokens the reader may have before it says what it read. */
class ServedRun {
  readonly #id: number;
  readonly #engine: number;
  readonly #run: Run;
  #ahead = 0;
  #hasBegun = false;
  #resume: (() => void) | undefined;

  constructor(id: number, engine: number, run: Run) {
    this.#id = id;
    this.#engine = engine;
    this.#run = run;
    void this.#give();
  }

  get nativeId(): number {
    return this.#run.id;
  }

  cancel(): void {
    this.#run.cancel();
    // What was not taken yet has to be, or its end would never come.
    this.read(this.#ahead);
  }

  release(): void {
    this.#run.release();
    this.read(this.#ahead);
    setImmediate(() => tellStatistics(this.#engine));
  }

  read(tokens: number): void {
    this.#ahead -= tokens;
    this.#resume?.();
    this.#resume = undefined;
  }

  async #give(): Promise<void> {
    try {
      for (let piece; (piece = await this.#run.next()) !== undefined; ) {
        // Who has read the beginning or the end finds it counted.
        if (piece.type === "end" || !this.#hasBegun) tellStatistics(this.#engine);
        batch.post({ type: "piece", run: this.#id, piece });
        this.#hasBegun = true;
        this.#ahead += tokensOf(piece);
        if (this.#ahead >= tokensAhead) await new Promise<void>((resolve) => (this.#resume = resolve));
      }
    } catch (error) {
      batch.post({ type: "failed", run: this.#id, error: toPlain(error) });
    }
  }
}

function tellStatistics(id: number): void {
  const engine = engines.get(id);
  if (engine === undefined) return;
  let stats: EngineStats;
  try {
    stats = engine.stats();
  } catch {
    // It is closing.
    return;
  }
  const text = JSON.stringify(stats);
  if (text === told.get(id)) return;
  told.set(id, text);
  batch.post({ type: "stats", engine: id, stats }, false);
}

async function answer(call: Call): Promise<void> {
  const { id } = call;
  const ending = new AbortController();
  calls.set(id, ending);
  try {
    const value = await work(call, ending.signal);
    if (call.method === "embed") tellStatistics(call.engine);
    batch.post({ type: "answer", id, value });
  } catch (error) {
    batch.post({ type: "failure", id, error: toPlain(error) });
  } finally {
    calls.delete(id);
  }
}

async function work(call: Call, signal: AbortSignal): Promise<unknown> {
  if (call.method === "listGpus") return listGpus();
  if (call.method === "load") {
    const engine = await createAddonEngine({
      ...(call.args[0] as EngineOptions),
      onProgress: (fraction) => batch.post({ type: "progress", id: call.id, fraction }),
      signal,
    });
    engines.set(call.id, engine);
    tellStatistics(call.id);
    return { info: engine.info, capabilities: engine.capabilities };
  }
  const engine = engines.get(call.engine);
  if (engine === undefined) throw new Error(`There is no engine ${call.engine}.`);
  if (call.method === "close") {
    await engine.close();
    engines.delete(call.engine);
    told.delete(call.engine);
    return undefined;
  }
  const method = engine[call.method] as (...args: unknown[]) => Promise<unknown>;
  return method.apply(
    engine,
    call.method === "tokenize" || call.method === "embed" ? [...call.args, signal] : [...call.args],
  );
}

const lines = new LogLines((entry) => batch.post({ type: "line", entry }, entry.level === "error"));

function take(message: ToHost): void {
  switch (message.type) {
    case "log":
      return message.level === undefined ? setLog(undefined) : setLog((entry) => lines.add(entry), message.level);
    case "told":
      return lines.told(message.lines);
    case "call":
      return void answer(message);
    case "abort":
      return calls.get(message.id)?.abort();
    case "preserve-tokens":
      return engines.get(message.engine)?.preserveTokens(message.texts);
    case "submit": {
      const { engine, run, request } = message;
      const after = request.after === undefined ? undefined : (runs.get(request.after)?.nativeId ?? 0);
      try {
        const there = { ...request, after, gatherMs: Math.max(gatherMs, request.gatherMs ?? 0) };
        runs.set(run, new ServedRun(run, engine, engines.get(engine)!.submit(there)));
      } catch (error) {
        batch.post({ type: "failed", run, error: toPlain(error) });
      }
      return;
    }
    case "cancel":
      return runs.get(message.run)?.cancel();
    case "read":
      return runs.get(message.run)?.read(message.tokens);
    case "release":
      runs.get(message.run)?.release();
      runs.delete(message.run);
  }
}

process.title = "caduceus engine";
// What the terminal sends to all of them is the other process' to answer, which ends this one.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.on("message", (messages) => {
  for (const message of messages as ToHost[]) take(message);
});
// The other process is gone, or wants no more of this one. Nothing is left to do, and no thread is waited for.
const end = () => process.kill(process.pid, "SIGKILL");
const parent = process.ppid;
process.on("disconnect", end);
setInterval(() => {
  // Deno does not tell of a channel whose other end is gone. On Windows the number stays, and asking for it lists all
  // processes.
  if (process.platform !== "win32" && process.ppid !== parent) end();
  [...engines.keys()].forEach(tellStatistics);
}, statisticsMs).unref();
