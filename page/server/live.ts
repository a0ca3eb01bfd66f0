// Live statistics of the engines: polled each second during an answer, while the page is visible.
import { effect, signal } from "@preact/signals";
import { running } from "../conversation/store.js";
import { fetchStats, type ModelStats } from "./client.js";

export interface LiveNumbers extends ModelStats {
  /** Tokens a second of all answers together, since the last poll. */
  readonly tokensPerSecond: number;
  /** Average number of generated tokens in a step of the engine. */
  readonly tokensPerStep: number;
}

export const live = signal<Readonly<Record<string, LiveNumbers>>>({});

const everyMs = 1000;
let before: { readonly at: number; readonly stats: Readonly<Record<string, ModelStats>> } | undefined;

async function look(): Promise<void> {
  const stats = await fetchStats().catch(() => undefined);
  if (stats === undefined) return;
  const at = performance.now();
  const seconds = before === undefined ? 0 : (at - before.at) / 1000;
  live.value = Object.fromEntries(
    Object.entries(stats).map(([name, now]) => {
      const then = before?.stats[name] ?? now;
      const tokens = now.generated_tokens - then.generated_tokens;
      const steps = now.steps - then.steps;
      return [
        name,
        { ...now, tokensPerSecond: seconds > 0 ? tokens / seconds : 0, tokensPerStep: steps > 0 ? tokens / steps : 0 },
      ];
    }),
  );
  before = { at, stats };
}

export function watchLive(): void {
  const isVisible = signal(!document.hidden);
  document.addEventListener("visibilitychange", () => (isVisible.value = !document.hidden));
  effect(() => {
    // Poll once at the beginning, too.
    void look();
    if (running.value.size === 0 || !isVisible.value) return;
    const timer = setInterval(() => void look(), everyMs);
    return () => clearInterval(timer);
  });
}
