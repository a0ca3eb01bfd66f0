// The other process, seen from here: starts it, asks it, hands its output to the runs, and says when it is gone.
import { fork, type ChildProcess } from "node:child_process";
import path from "node:path";
import { CaduceusError, describeThrown } from "../../errors.js";
import { followLogLevel, tellLog } from "../addon/log.js";
import { followSignal } from "../../follow_signal.js";
import { packageFolder } from "../../package_folder.js";
import { noWindow } from "../../system/no_window.js";
import type { EngineStats } from "../engine.js";
import type { IsolatedRun } from "./isolated_run.js";
import { MessageBatch } from "./message_batch.js";
import { fromPlain, type Call, type FromHost, type ToHost } from "./messages.js";

const program = path.join(packageFolder, "dist/engine/isolated/host_program.js");
/** Of what it wrote to standard error, where llama.cpp says why it aborts. */
const keptErrorCharacters = 4096;

/** The process has ended by itself. Where it had a model, it is started again for the next request. */
export class HostCrash extends CaduceusError {}

/** How long its last words may take after its end. */
const lastWordsMs = 200;

/** A call without its id, which is given here. */
type Unnumbered<T> = T extends unknown ? Omit<T, "type" | "id"> : never;

interface Handle {
  ref?(): void;
  unref?(): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  onProgress?: ((fraction: number) => void) | undefined;
}

export class HostProcess {
  /** Resolves with what is to be said of its end, however it ended. */
  readonly ended: Promise<CaduceusError>;
  readonly #child: ChildProcess;
  readonly #batch: MessageBatch<ToHost>;
  readonly #calls = new Map<number, Waiting>();
  readonly #runs = new Map<number, IsolatedRun>();
  readonly #statistics = new Map<number, (stats: EngineStats) => void>();
  #nextCall = 1;
  #waiting = 0;
  #errors = "";
  #isGone = false;
  #end: CaduceusError | undefined;

  /** @throws CaduceusError `ENGINE_CRASHED`, where the system refuses to start it */
  constructor() {
    const child = startHost();
    this.#child = child;
    this.#batch = new MessageBatch((messages) => {
      // A message that meets its end is answered by it.
      if (child.connected) child.send(messages, () => {});
    });
    child.on("message", (messages) => {
      for (const message of messages as FromHost[]) this.#take(message);
    });
    const unfollow = followLogLevel((level) => this.post({ type: "log", level }));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-keptErrorCharacters);
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string, cause?: unknown) => {
        if (this.#end !== undefined) return;
        unfollow();
        this.#end = crashed(how, this.#errors, cause);
        for (const { reject } of this.#calls.values()) reject(this.#end);
        for (const run of this.#runs.values()) run.fail(this.#end);
        this.#calls.clear();
        this.#runs.clear();
        resolve(this.#end);
      };
      child.on("error", (error) => {
        this.#isGone = true;
        end(notStarted(error), error);
        this.kill();
      });
      child.on("exit", (code, signal) => {
        this.#isGone = true;
        const ended = () => end(signal === null ? `ended with code ${code}` : whySignal(signal));
        // Not the event `close`: Node leaves it out after `disconnect`.
        if (child.stderr === null || child.stderr.closed) ended();
        else child.stderr.once("close", ended);
        setTimeout(ended, lastWordsMs);
      });
    });
    this.#unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** It takes no more messages, and what is to be said of it may still come. */
  get isGone(): boolean {
    return this.#isGone;
  }

  async call<T>(
    call: Unnumbered<Call>,
    { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ((fraction: number) => void) | undefined },
  ): Promise<T> {
    signal?.throwIfAborted();
    const id = this.#nextCall++;
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end);
      this.#calls.set(id, { resolve, reject, onProgress });
      this.post({ type: "call", id, ...call } as Call);
    });
    const unfollow = followSignal(signal, () => this.post({ type: "abort", id }));
    this.countWaiting(1);
    try {
      return (await answer) as T;
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      unfollow();
      this.countWaiting(-1);
    }
  }

  /** Loads a model; gives what the engine says of itself, and the number by which it is named from now on. */
  async load<T>(
    options: object,
    onStatistics: (stats: EngineStats) => void,
    more: { signal?: AbortSignal | undefined; onProgress?: ((fraction: number) => void) | undefined },
  ): Promise<T & { readonly engine: number }> {
    const engine = this.#nextCall;
    this.#statistics.set(engine, onStatistics);
    try {
      const loaded = await this.call<T>({ method: "load", args: [options] }, more);
      return { ...loaded, engine };
    } catch (error) {
      this.#statistics.delete(engine);
      throw error;
    }
  }

  /** A process that does not answer within `patienceMs` is ended, with all that it has. */
  async close(engine: number, patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), patienceMs);
    try {
      await this.call({ engine, method: "close", args: [] }, {});
    } finally {
      clearTimeout(timer);
      this.#statistics.delete(engine);
    }
  }

  submit(engine: number, run: IsolatedRun, request: IsolatedRun["request"]): void {
    if (this.#end !== undefined) return run.fail(this.#end);
    this.#runs.set(run.id, run);
    this.post({ type: "submit", engine, run: run.id, request });
  }

  release(run: IsolatedRun): void {
    this.#runs.delete(run.id);
    this.post({ type: "release", run: run.id });
  }

  post(message: ToHost, isUrgent = true): void {
    this.#batch.post(message, isUrgent);
  }

  /** A process stays alive for output that somebody waits for, and for nothing else. */
  countWaiting(change: 1 | -1): void {
    this.#waiting += change;
    if (this.#waiting === 0) this.#unref();
    else if (this.#waiting === 1 && change === 1) this.#ref();
  }

  /** Lets it end, and waits for that: its models are closed. */
  async stop(patienceMs: number): Promise<void> {
    this.countWaiting(1);
    const timer = setTimeout(() => this.kill(), patienceMs);
    if (this.#child.connected) this.#child.disconnect();
    await this.ended;
    clearTimeout(timer);
    this.countWaiting(-1);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #take(message: FromHost): void {
    switch (message.type) {
      case "piece":
        return this.#runs.get(message.run)?.deliver(message.piece);
      case "failed":
        return this.#runs.get(message.run)?.fail(fromPlain(message.error));
      case "stats":
        return this.#statistics.get(message.engine)?.(message.stats);
      case "line":
        tellLog(message.entry);
        return this.post({ type: "told", lines: 1 }, false);
      case "progress":
        return this.#calls.get(message.id)?.onProgress?.(message.fraction);
      case "answer":
      case "failure": {
        const waiting = this.#calls.get(message.id);
        this.#calls.delete(message.id);
        if (message.type === "answer") waiting?.resolve(message.value);
        else waiting?.reject(fromPlain(message.error));
      }
    }
  }

  #ref(): void {
    for (const handle of this.#handles) handle.ref?.();
  }

  #unref(): void {
    for (const handle of this.#handles) handle.unref?.();
    (this.#child.stderr as Handle | null)?.unref?.();
  }

  /** What keeps this process alive. Bun's channel does not, and cannot be told to. */
  get #handles(): Handle[] {
    return [this.#child, this.#child.channel].filter((handle) => handle != null);
  }
}

/** Some of what the system refuses is thrown, the rest is the event `error`. */
function startHost(): ChildProcess {
  try {
    return fork(program, [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [],
      ...noWindow,
      // In Electron the same program is Node only then.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
    });
  } catch (error) {
    throw crashed(notStarted(error), "", error);
  }
}

const notStarted = (error: unknown) => `could not be started: ${describeThrown(error)}`;

function whySignal(signal: NodeJS.Signals): string {
  return signal === "SIGKILL"
    ? "was killed (SIGKILL), as the system does when memory runs out"
    : `ended with ${signal}`;
}

/** `lastWords`: of llama.cpp, such as the assertion that failed. They are for the log, and not for clients of a server. */
function crashed(how: string, lastWords: string, cause: unknown): HostCrash {
  const said = lastWords.trim() === "" ? cause : new Error(lastWords.trim());
  return new HostCrash("ENGINE_CRASHED", `The model's process ${how}.`, {
    remedy: "It is started again for the next request.",
    ...(said === undefined ? {} : { cause: said }),
  });
}
