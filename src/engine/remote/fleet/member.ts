// One server of a fleet: what it has to do, and whether it answers.
import { CaduceusError } from "../../../errors.js";
import { TransientUpstreamError, RefusedError, timedOut } from "../http/upstream_errors.js";
import type { ServerStats } from "../../engine.js";
import type { RemoteServer } from "../remote_server.js";
import { serverDrains, serverEjected, serverReturned } from "./fleet_channels.js";

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** Time for an answer to "are you there?". */
const checkMs = 3_000;

/** What a server failed with that another may not fail with. */
const movable: ReadonlySet<string> = new Set([
  "UPSTREAM_UNREACHABLE",
  "UPSTREAM_FAILED",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_INVALID",
]);

export const isMovable = (failure: unknown): boolean =>
  failure instanceof TransientUpstreamError ||
  (failure instanceof CaduceusError && movable.has(failure.code) && !(failure instanceof RefusedError));

/** Whether the server is to blame, and not the request or what else it has to do. */
export const isFault = (failure: unknown): boolean =>
  isMovable(failure) && !(failure instanceof TransientUpstreamError && failure.isBusy);

export class Member {
  readonly url: string;
  /** Tokens of its requests that are not computed yet, as far as they can be estimated. */
  outstanding = 0;
  readonly #open: (signal: AbortSignal) => Promise<RemoteServer>;
  readonly #waiting = new Set<AbortController>();
  #server: RemoteServer | undefined;
  #failures = 0;
  #pausedUntil = 0;
  #downSince = 0;
  #isEnding = false;
  #requests = 0;
  #ejections = 0;
  #checking: Promise<void> | undefined;

  /** @param open connects; again later where it fails */
  constructor(url: string, open: (signal: AbortSignal) => Promise<RemoteServer>) {
    this.url = url;
    this.#open = open;
  }

  /** Undefined until it has answered once. */
  get server(): RemoteServer | undefined {
    return this.#server;
  }

  /** Whether it takes requests. */
  get isUp(): boolean {
    return this.#server !== undefined && this.#failures === 0;
  }

  /** When it is looked at again, for those that are down. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** Takes requests again only after a check. Each failure in a row doubles the time until the next one. */
  eject(failure: unknown): void {
    const pause = Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs);
    const now = performance.now();
    this.#failures++;
    this.#pausedUntil = now + pause;
    if (this.#failures === 1) {
      this.#downSince = now;
      this.#isEnding = failure instanceof TransientUpstreamError && failure.isEnding;
      this.#ejections += this.#isEnding ? 0 : 1;
      if (this.#isEnding) serverDrains({ url: this.url, requests: this.#requests });
      else serverEjected(this.url, failure, pause);
    }
    // An answer, such as 503, comes from one that lives. One that is silent twice does not begin what it was given.
    if (this.#failures < 2 || !isSilence(failure)) return;
    for (const waiting of this.#waiting) waiting.abort(failure);
    this.#waiting.clear();
  }

  return(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#isEnding = false;
    serverReturned({ url: this.url, downMs: performance.now() - this.#downSince });
  }

  /** So many requests more, or less. */
  count(change: 1 | -1): void {
    this.#requests += change;
  }

  get stats(): ServerStats {
    return {
      url: this.url,
      state: this.isUp ? "up" : this.#isEnding ? "draining" : "down",
      requests: this.#requests,
      outstandingTokens: this.outstanding,
      ejections: this.#ejections,
    };
  }

  /** Aborts if the server is found to be gone while a request waits for it. */
  wait(): AbortController {
    const controller = new AbortController();
    this.#waiting.add(controller);
    return controller;
  }

  endWait(controller: AbortController): void {
    this.#waiting.delete(controller);
  }

  /** Looks whether it answers, unless that is under way or was found out just now. Never rejects. */
  check(): Promise<void> {
    if (!this.isUp && performance.now() < this.#pausedUntil) return Promise.resolve();
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#server ??= await this.#open(signal);
  }

  async #check(): Promise<void> {
    const signal = AbortSignal.timeout(checkMs);
    try {
      await this.open(signal);
      await this.#server!.check(signal);
      this.return();
    } catch (error) {
      const failure = signal.aborted ? timedOut(this.url, "did not say that it is there", checkMs) : error;
      // Whoever refuses is there.
      if (this.#server !== undefined && !isFault(failure)) this.return();
      else this.eject(failure);
    }
  }
}

const isSilence = (failure: unknown) =>
  failure instanceof CaduceusError && ["UPSTREAM_UNREACHABLE", "UPSTREAM_TIMEOUT"].includes(failure.code);
