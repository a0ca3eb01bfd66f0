// What the exit codes mean, and which of them a failure gets.
import { CommanderError } from "commander";
import { CaduceusError } from "../index.js";

export const ExitCode = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const;

export const exitCodeHelp = "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

/** The command line asks for something that cannot be. */
export class UsageError extends Error {}

/** Ctrl-C, or the signal SIGINT. */
export class Interrupted extends Error {}

/** Says on standard error what went wrong, where there is anything to say, and gives the exit code. */
export function reportFailure(error: unknown): number {
  if (error instanceof Interrupted) return ExitCode.interrupted;
  // Commander has said it already. Asking for help or the version is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if ((error as NodeJS.ErrnoException)?.code === "EPIPE") return ExitCode.ok;
  const isExpected = error instanceof CaduceusError || error instanceof UsageError;
  const code = error instanceof CaduceusError ? ` (${error.code})` : "";
  process.stderr.write(`caduceus: ${isExpected || !(error instanceof Error) ? (error as Error)?.message ?? error : error.stack}${code}\n`);
  const isUsage = error instanceof UsageError || (error instanceof CaduceusError && error.code === "INVALID_ARGUMENT");
  return isUsage ? ExitCode.usage : ExitCode.failure;
}
