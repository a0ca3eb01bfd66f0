// Waiting for work that may ignore its signal.

/** The result of the work, or the signal's reason as soon as it aborts: what the work then still gives or throws goes nowhere. */
export async function unlessAborted<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([(async () => work())(), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
