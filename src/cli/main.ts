#!/usr/bin/env node
// The command `caduceus`: runs a command line, and turns how it ended into an exit code.
import { ExitCode, Interrupted, reportFailure } from "./exit_codes.js";
import { createProgram } from "./program.js";

const ending = new AbortController();

// A reader that has seen enough (`| head`) ends the work; there is nobody left to tell.
process.stdout.on("error", (error) => ending.abort(error));
process.stderr.on("error", () => {});
process.on("SIGINT", () => {
  if (ending.signal.aborted) process.exit(ExitCode.interrupted);
  ending.abort(new Interrupted());
});

try {
  await createProgram(ending.signal).parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error);
}
