// Objects and lists as JSON has them: a member's name is only a name.
import { setOwn } from "../../../json_object.js";

export type Container = Record<string, unknown> | unknown[];

/** Hears of the members of the outermost two levels; the text inside deeper ones never concerns it. */
export interface MemberListener {
  /** `depth` is 1 for a key of the outermost object. */
  key(depth: number, key: string): void;
  /** Before any of the value's text is given out. */
  valueStart(depth: number, kind: "container" | "string" | "word", container?: Container): void;
  /** After all of it. `text` is the strict text of a bare word. */
  valueEnd(depth: number, value: unknown, text?: string): void;
}

export function ownValue(target: Record<string, unknown>, key: string): unknown {
  return Object.getOwnPropertyDescriptor(target, key)?.value;
}

/** A copy for handing out. */
export function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) setOwn(copy, key, copyOf(member));
  return copy;
}
