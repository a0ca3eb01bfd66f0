// Processes a list or stream of items, several at a time.

/**
 * Processes items with a number of workers. At the first failure the others are aborted; it rejects with that error, or
 * with the signal's reason, once all workers have ended. The signal that `begin` gets is aborted too, so that no worker
 * waits for another item.
 */
export async function forEachConcurrently<Item>(
  begin: (ending: AbortSignal) => Iterator<Item> | AsyncIterator<Item>,
  concurrency: number,
  signal: AbortSignal,
  work: (item: Item, ending: AbortSignal) => Promise<void>,
): Promise<void> {
  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const items = begin(ending);
  const worker = async () => {
    while (!ending.aborted) {
      const { done, value } = await items.next();
      if (done || ending.aborted) return;
      await work(value, ending);
    }
  };
  const workers = Array.from({ length: concurrency }, () =>
    worker().catch((error: unknown) => {
      failing.abort(error);
      throw error;
    }),
  );
  const ends = await Promise.allSettled(workers);
  await items.return?.();
  signal.throwIfAborted();
  if (ends.some(({ status }) => status === "rejected")) throw failing.signal.reason;
}
