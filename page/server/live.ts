// Live statistics of the models: polled each second during an answer, less often otherwise, while the page is visible.
import { effect, signal } from "@preact/signals";
import { running } from "../conversation/store.js";
import { fetchStats, type EngineNumbers, type ModelState, type ModelStats } from "./client.js";

export interface LiveNumbers extends EngineNumbers {
  /** Tokens a second of all answers together, since the last poll. */
  readonly tokensPerSecond: number;
  /** Average number of generated tokens in a step of the engine. */
  readonly tokensPerStep: number;
}

/** Of loaded models. */
export const live = signal<Readonly<Record<string, LiveNumbers>>>({});
/** What each of the other models does. */
export const absent = signal<Readonly<Record<string, string>>>({});

const everyMs = 1000;
/** Others may have models loaded and unloaded. */
const idleEveryMs = 10_000;
let before: { readonly at: number; readonly stats: Readonly<Record<string, ModelStats>> } | undefined;

async function look(): Promise<void> {
  const stats = await fetchStats().catch(() => undefined);
  if (stats === undefined) return;
  const at = performance.now();
  const seconds = before === undefined ? 0 : (at - before.at) / 1000;
  live.value = Object.fromEntries(
    Object.entries(stats).flatMap(([name, now]) => {
      if (now.steps === undefined) return [];
      const last = before?.stats[name];
      // One that was loaded again counts from the beginning.
      const then = last?.steps === undefined || last.steps > now.steps ? now : last;
      const tokens = now.generated_tokens - then.generated_tokens;
      const steps = now.steps - then.steps;
      const rates = {
        tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
        tokensPerStep: steps > 0 ? tokens / steps : 0,
      };
      return [[name, { ...now, ...rates }]];
    }),
  );
  absent.value = Object.fromEntries(
    Object.entries(stats).flatMap(([name, model]) => (model.state === "loaded" ? [] : [[name, describe(model)]])),
  );
  before = { at, stats };
}

function describe({ state, progress }: ModelState): string {
  if (state === "unloaded") return "not loaded";
  if (state === "queued") return "waits for memory";
  if (state === "unloading") return "is unloaded";
  const done = progress === undefined ? "" : ` ${Math.floor(100 * progress.fraction)} %`;
  return `${progress?.stage === "fetch" ? "downloads" : "loads"}${done}`;
}

export function watchLive(): void {
  const isVisible = signal(!document.hidden);
  document.addEventListener("visibilitychange", () => (isVisible.value = !document.hidden));
  effect(() => {
    // Poll once at the beginning, too.
    void look();
    if (!isVisible.value) return;
    const timer = setInterval(() => void look(), running.value.size === 0 ? idleEveryMs : everyMs);
    return () => clearInterval(timer);
  });
}
