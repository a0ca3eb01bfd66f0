// How often, and after how long, a request is sent again of which nothing has come yet.
import { sleepUnlessAborted } from "../../follow_signal.js";
import { TransientUpstreamError } from "./http/upstream_errors.js";

const firstWaitMs = 250;
const longestWaitMs = 10_000;

export class RetryPolicy {
  readonly most: number;

  /** @param most times that a request is sent again */
  constructor(most: number) {
    this.most = most;
  }

  /** Waits until it may be sent again after `attempts` failures; throws the failure where it may not. */
  async wait(failure: unknown, attempts: number, signal: AbortSignal | undefined): Promise<void> {
    if (!(failure instanceof TransientUpstreamError) || attempts > this.most) throw failure;
    const longest = Math.min(firstWaitMs * 2 ** (attempts - 1), longestWaitMs);
    // Those that failed together do not come back together.
    await sleepUnlessAborted(failure.waitMs ?? longest * (0.5 + Math.random() / 2), signal);
  }

  /** The result of work that generates nothing and may be done again. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await work();
      } catch (error) {
        signal?.throwIfAborted();
        await this.wait(error, attempts, signal);
      }
    }
  }
}
