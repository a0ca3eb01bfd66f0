// Whether two greedy replies are the same but for ties: where a sum was added up in another order, the likeliest token
// may become another one that is about as likely.
import { expect } from "vitest";
import type { ReplyResult } from "../../src/index.js";

type Greedy = Pick<ReplyResult<unknown>, "logProbabilities">;

/**
 * How far apart the log probabilities lie where the tokens first differ: 0 where none does, Infinity where one has
 * ended.
 */
export function gapWhereTheyDiffer({ logProbabilities: a = [] }: Greedy, { logProbabilities: b = [] }: Greedy): number {
  const at = a.findIndex(({ token }, index) => token !== b[index]?.token);
  if (at === -1) return a.length === b.length ? 0 : Infinity;
  return b[at] === undefined ? Infinity : Math.abs(a[at]!.logProbability - b[at].logProbability);
}

/** The replies of two lists that differ by more than this. */
export function differing(a: readonly Greedy[], b: readonly Greedy[], tie: number): { index: number; gap: number }[] {
  expect(a.length).toBe(b.length);
  return a.map((reply, index) => ({ index, gap: gapWhereTheyDiffer(reply, b[index]!) })).filter(({ gap }) => gap > tie);
}
