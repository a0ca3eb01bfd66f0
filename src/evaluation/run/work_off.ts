// Several things at a time, from a list or a stream of them.

/**
 * Works items off with so many workers; each takes its next one when it is done with the last. At the first failure the
 * others are aborted and it rejects with that, or with the signal's reason, once all have ended. The signal that
 * `begin` gets aborts then too, so that nobody goes on waiting for an item.
 */
export async function workOff<Item>(
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
