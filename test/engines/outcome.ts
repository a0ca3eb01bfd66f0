// How far a behavior is guaranteed.
import { expect } from "vitest";
import type { Guarantee, Model, Reply } from "../../src/index.js";
import type { Subject } from "./subject.js";

/**
 * `yes`: it behaves so. `enforced`: the engine generates nothing else. `checked`: a wrong answer is told from a right
 * one afterwards. `no`: it is refused with an error.
 */
export type Outcome = "yes" | "enforced" | "checked" | "no";

/** By what the documentation's table calls them. */
export type Behaviors = Readonly<Record<string, (subject: Subject) => Promise<Outcome>>>;

/** What the model says of a guarantee, which the test then proves. */
export function claimed(model: Model, guarantee: Guarantee): Outcome {
  const { enforced, checked, refused } = model.capabilities;
  const is = [enforced, checked, refused].map((list) => list.includes(guarantee));
  expect(is.filter(Boolean).length, `${guarantee} is in one of the three lists`).toBe(1);
  return is[0] ? "enforced" : is[1] ? "checked" : "no";
}

export async function codeOf(reply: PromiseLike<unknown>): Promise<string | undefined> {
  try {
    await reply;
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

export async function refused(reply: Reply | Promise<unknown>): Promise<"no"> {
  expect(await codeOf(reply)).toMatch(/^(UNSUPPORTED|INVALID_ARGUMENT)$/);
  return "no";
}
