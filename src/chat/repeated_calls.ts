// Counts how often a reply has made the very same call, so that a model that goes round in circles is stopped.
import type { ToolCall } from "./reply_events.js";

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
      const key = `${name} ${canonical(args)}`;
      const times = (this.#times.get(key) ?? 0) + 1;
      this.#times.set(key, times);
      tooOften ||= times > this.#most;
    }
    return tooOften;
  }
}

/** The same text for the same arguments, whatever the order of their keys. Arguments are JSON, but for big integers. */
function canonical(value: unknown): string {
  try {
    return JSON.stringify(value, (_, member: unknown) => {
      if (typeof member === "bigint") return `${member}n`;
      if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
      return Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1));
    });
  } catch {
    return "nested too deeply"; // No schema takes such arguments; the call goes back as wrong, so often and no more.
  }
}
