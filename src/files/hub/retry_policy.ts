// Retries: which failures are retried, and how long to wait before.
import { CaduceusError } from "../../errors.js";
import { sleepUnlessAborted } from "../../follow_signal.js";
import type { HubSettings } from "./hub_settings.js";

/** A failure that may pass: a broken connection, a stall, an overloaded server. */
export class TransientError extends Error {
  /** What the server asked for. */
  readonly waitMs: number | undefined;
  /** Not worth a second try unless something worked before: an unknown host, a refused connection. */
  readonly isLikelyFinal: boolean;
  /** What to do if it does not pass, as a sentence. */
  readonly remedy: string | undefined;

  constructor(
    why: string,
    {
      waitMs,
      isLikelyFinal = false,
      remedy,
      cause,
    }: {
      readonly waitMs?: number | undefined;
      readonly isLikelyFinal?: boolean;
      readonly remedy?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(why, { cause });
    this.waitMs = waitMs;
    this.isLikelyFinal = isLikelyFinal;
    this.remedy = remedy;
  }
}

const longestWaitMs = 60_000;

export class RetryPolicy {
  readonly #settings: HubSettings;
  readonly #what: string;
  #failures = 0;
  #hasWorked = false;

  /** `what` failed, as the end of a sentence tells it: `… could not be fetched`. */
  constructor(what: string, settings: HubSettings) {
    this.#what = what;
    this.#settings = settings;
  }

  /** Resets the count of failures, after progress. */
  renew(): void {
    this.#failures = 0;
    this.#hasWorked = true;
  }

  /**
   * Waits before the next try and gives its milliseconds.
   * @throws CaduceusError DOWNLOAD_FAILED when there is none; the signal's own reason
   */
  async wait(
    failure: TransientError,
    signal: AbortSignal | undefined,
    onWait?: (waitMs: number) => void,
  ): Promise<void> {
    const { attempts, firstWaitMs } = this.#settings;
    this.#failures++;
    if (this.#failures >= attempts || (failure.isLikelyFinal && !this.#hasWorked)) {
      const tries = this.#failures > 1 ? ` after ${this.#failures} attempts` : "";
      throw new CaduceusError("DOWNLOAD_FAILED", `${this.#what} could not be fetched${tries}: ${failure.message}.`, {
        cause: failure,
        remedy: failure.remedy ?? "Try again later: a download resumes where it stopped.",
      });
    }
    const waitMs = Math.min(failure.waitMs ?? firstWaitMs * 2 ** (this.#failures - 1), longestWaitMs);
    onWait?.(waitMs);
    await sleepUnlessAborted(waitMs, signal);
  }
}
