// Gives back what an object holds of the engine when it was dropped: nothing can reach it any more, so that nobody will
// ever read it, leave it or close it.

const registry = new FinalizationRegistry<() => void>((giveBack) => giveBack());

/** `giveBack` must not hold the object, or it is never dropped. Gives the function that ends this. */
export function whenDropped(object: object, giveBack: () => void): () => void {
  const token = {};
  registry.register(object, giveBack, token);
  return () => void registry.unregister(token);
}
