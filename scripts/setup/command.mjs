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
  if (!(shown instanceof Error)) throw error;
  // What `parseArgs` says of a flag is for whoever typed it.
  const isOfFlags = "code" in shown && String(shown.code).startsWith("ERR_PARSE_ARGS_");
  if (!isOfFlags && !(shown instanceof SetupError) && shown.name !== "CaduceusError") throw error;
  process.stderr.write(`${shown.message}\n`);
}
