import { load, type Model } from "caduceus";

/** Kept where a module that is read again finds it: Next.js does that while you develop, and for each route. */
const kept = globalThis as typeof globalThis & { caduceusModel?: Promise<Model> };

/** One for all requests, loaded by the first. */
export function loadModel(): Promise<Model> {
  kept.caduceusModel ??= load(process.env.MODEL ?? "hermes-2-pro", { contextSize: 4096 });
  kept.caduceusModel.catch(() => delete kept.caduceusModel);
  return kept.caduceusModel;
}
