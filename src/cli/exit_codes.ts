// What the exit codes mean, and which of them a failure gets.
import { getSystemErrorMap } from "node:util";
import { type Command, CommanderError } from "commander";
import { CaduceusError } from "../index.js";
import { messageWithFlags } from "./flags/flag_names.js";

export const ExitCode = { ok: 0, failure: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

export const exitCodeHelp = "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

/** The command line asks for something that cannot be. */
export class UsageError extends Error {}

/** Something that the system refuses, in a sentence of its own. */
export class SystemFailure extends Error {}

/** Ctrl-C, or the signal SIGINT. */
export class Interrupted extends Error {}

/**
 * Says on standard error what went wrong, where there is anything to say, and gives the exit code. `command` is the one
 * that ran.
 */
export function reportFailure(error: unknown, command?: Command): number {
  if (error instanceof Interrupted) return ExitCode.interrupted;
  // Commander has said it already. Asking for help or the version is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (isClosedPipe(error)) return ExitCode.ok;
  process.stderr.write(`caduceus: ${sentence(error, command)}\n`);
  const isUsage = error instanceof UsageError || (error instanceof CaduceusError && error.code === "INVALID_ARGUMENT");
  return isUsage ? ExitCode.usage : ExitCode.failure;
}

/** A reader that has seen enough, such as `| head`. */
export const isClosedPipe = (error: unknown) => (error as NodeJS.ErrnoException | null)?.code === "EPIPE";

function sentence(error: unknown, command: Command | undefined): string {
  if (error instanceof CaduceusError)
    return `${command === undefined ? error.message : messageWithFlags(error, command)} (${error.code})`;
  if (error instanceof UsageError || error instanceof SystemFailure) return error.message;
  if (!(error instanceof Error)) return String(error);
  const { syscall, path } = error as NodeJS.ErrnoException;
  // A full disk, a file without permission: where in the program that was helps nobody.
  if (syscall !== undefined) return `${path === undefined ? "" : `${path}: `}${systemReason(error)}.`;
  return error.stack ?? error.message;
}

/** `no space left on device (ENOSPC)`. */
export function systemReason(error: unknown): string {
  const { code, errno, message } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return code === undefined ? message : `${known ?? message} (${code})`;
}
