// Counts identical calls in the rounds of a reply, so that a model that repeats itself is stopped. (Within one turn an
// identical call is made once, unless `allowRepeatedCalls` is set: turn_calls.ts.)
import { canonicalJson } from "../../schema/canonical_json.js";
import type { ToolCall } from "../reply/reply_events.js";

export class RepeatedCalls {
  readonly #most: number;
  readonly #times = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts these calls; true when one of them has now been made more often than allowed. */
  add(calls: readonly ToolCall[]): boolean {
    let tooOften = false;
    for (const { name, arguments: args } of calls) {
      const key = `${name} ${args === undefined ? "" : canonicalJson(args)}`;
      const times = (this.#times.get(key) ?? 0) + 1;
      this.#times.set(key, times);
      tooOften ||= times > this.#most;
    }
    return tooOften;
  }
}
