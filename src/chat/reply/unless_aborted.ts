// Waits for work that may ignore its signal.
import { followSignal } from "../../follow_signal.js";

/**
 * The result of the work, or the signal's reason as soon as it aborts. A later result or error of the work is ignored.
 */
export async function unlessAborted<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw signal.reason;
  let unfollow = () => {};
  const aborted = new Promise<never>((_, reject) => (unfollow = followSignal(signal, reject)));
  try {
    return await Promise.race([(async () => work())(), aborted]);
  } finally {
    unfollow();
  }
}
