// An engine's numbers, for people.
import type { EngineStats, ReplyResult } from "../../index.js";
import { bytesText } from "../output/progress_bar.js";
import { writeTable } from "../output/table.js";

export function describeStats(stats: EngineStats, last: ReplyResult | undefined): string {
  const share = (part: number, whole: number) =>
    `${part}${whole === 0 ? "" : ` (${Math.round((100 * part) / whole)} %)`}`;
  const rows = [
    ["Tokens of prompts", `${stats.promptTokens}`],
    ["  of them cached", share(stats.cachedTokens, stats.promptTokens)],
    ["  back from memory or disk", `${stats.restoredTokens}`],
    ["Tokens generated", `${stats.generatedTokens}`],
    ["  without a choice", share(stats.forcedTokens, stats.generatedTokens)],
    ["  draft tokens accepted", `${stats.acceptedDraftTokens} of ${stats.draftTokens}`],
    ...(stats.draftModelSteps === 0
      ? []
      : [["  those by the draft model", `${stats.acceptedDraftModelTokens} of ${stats.draftModelTokens}`]]),
    ["Cache", `${share(stats.cacheTokensUsed, stats.cacheTokens)} of ${stats.cacheTokens} tokens`],
    ["Cached sequences", `${stats.cachedSequences}`],
    ["  moved to memory", bytesText(stats.hostCacheBytes)],
    ["Threads", `${stats.threads}`],
  ];
  if (last !== undefined) {
    const { usage, timings } = last;
    rows.push(
      ["Last answer", `${usage.generatedTokens} tokens, ${timings.tokensPerSecond.toFixed(1)} a second`],
      ["  its prompt", `${usage.promptTokens} tokens, ${usage.cachedTokens} of them cached`],
      ["  first token", `after ${Math.round(timings.firstTokenMs)} ms`],
    );
  }
  return writeTable(rows);
}
