// Plays a person who chats at a terminal.
import { expect } from "vitest";
import { cli, program, run } from "../run_program.js";

export type Step = { expect: string } | { send: string };
export const ctrlC = "\u0003";
export const ctrlD = "\u0004";
export const ctrlZ = "\u001a";
/** The prompt as readline draws it, which nothing else looks like. */
export const prompt = "\u001b[0J> ";

export interface Shown {
  readonly shown: string;
  readonly code: number;
  readonly problem: string | null;
}

/** `env` must say where `CADUCEUS_STATE` is. */
export function chatAtTerminal(
  steps: readonly Step[],
  args: readonly string[],
  env: Record<string, string | undefined>,
  timeoutMs = 110_000,
): Promise<Shown> {
  return atTerminal(steps, [process.execPath, cli, "chat", ...args], env, timeoutMs);
}

/** Any program. */
export async function atTerminal(
  steps: readonly Step[],
  command: readonly string[],
  env: Record<string, string | undefined>,
  timeoutMs = 110_000,
): Promise<Shown> {
  const outcome = await run("python3", [program("terminal.py"), ...command], {
    input: steps.map((step) => JSON.stringify(step)).join("\n"),
    env: { TERM: "xterm-256color", ...env },
    timeoutMs,
  });
  expect(outcome.stderr).toBe("");
  return JSON.parse(outcome.stdout) as Shown;
}
