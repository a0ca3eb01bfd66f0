// Runs a script's command and sets its exit code.
import { diskError, SetupError } from "./run_logged.mjs";

/**
 * Runs a command of ours: what the user can act on is printed plainly and ends with code 1.
 * @param {() => Promise<void>} work
 */
export async function command(work) {
  try {
    await work();
  } catch (error) {
    showFailure(error);
    process.exitCode = 1;
  }
}

/** Prints what the user can act on, and throws anything else on. @param {unknown} error */
export function showFailure(error) {
  const shown = diskError(error) ?? error;
  const plain = shown instanceof SetupError || (shown instanceof Error && shown.name === "CaduceusError");
  if (!plain) throw error;
  process.stderr.write(`${shown.message}\n`);
}
