// Starts the other process when it is needed, again after a crash with more and more time between, and not for ever.
import { CaduceusError } from "../../errors.js";
import { sleepUnlessAborted } from "../../follow_signal.js";
import { HostProcess } from "./host_process.js";

/** After so many crashes within a minute it is not started again until one of them is older. */
const mostCrashes = 5;
const crashWindowMs = 60_000;
/** Before the second start within the window; twice as long before each further one. */
const firstDelayMs = 100;
/** How long a process may take to end by itself. */
const stopPatienceMs = 10_000;

const named = new Map<string, Supervisor>();

export class Supervisor {
  readonly #name: string | undefined;
  #users = 0;
  #host: HostProcess | undefined;
  #starting: Promise<HostProcess> | undefined;
  #crashes: number[] = [];

  private constructor(name: string | undefined) {
    this.#name = name;
  }

  /** Of a process that the caller uses until it leaves. Those who give the same name share one. */
  static join(name: string | undefined): Supervisor {
    const supervisor = (name !== undefined && named.get(name)) || new Supervisor(name);
    if (name !== undefined) named.set(name, supervisor);
    supervisor.#users++;
    return supervisor;
  }

  /** The process, which may crash before it is used. */
  async host(): Promise<HostProcess> {
    if (this.#host?.isGone === false) return this.#host;
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  /** With the last that leaves, the process ends. */
  async leave(): Promise<void> {
    if (--this.#users > 0) return;
    if (this.#name !== undefined) named.delete(this.#name);
    const host = this.#host;
    this.#host = undefined;
    await host?.stop(stopPatienceMs);
  }

  async #start(): Promise<HostProcess> {
    await this.#host?.ended;
    const since = Date.now() - crashWindowMs;
    this.#crashes = this.#crashes.filter((at) => at > since);
    const crashes = this.#crashes.length;
    if (crashes >= mostCrashes)
      throw new CaduceusError("ENGINE_CRASHED", `The model's process crashed ${crashes} times within a minute.`, {
        remedy: "Look at what the last of them said, and try again in a minute.",
      });
    if (crashes > 1) await sleepUnlessAborted(firstDelayMs * 2 ** (crashes - 2), undefined);
    const host = new HostProcess();
    this.#host = host;
    void host.ended.then(() => {
      if (this.#host === host) this.#crashes.push(Date.now());
    });
    return host;
  }
}
