#!/usr/bin/env node
// The command `caduceus`: runs a command line, and turns how it ended into an exit code.
import type { Command } from "commander";
import { ExitCode, Interrupted, isClosedPipe, reportFailure, SystemFailure, systemReason } from "./exit_codes.js";
import { helpWords } from "./output/help_words.js";
import { createProgram } from "./program.js";

const ending = new AbortController();
let outputFailure: Error | undefined;
let command: Command | undefined;

// A reader that has seen enough (`| head`) ends the work, and there is nobody left to tell; so does a full disk.
process.stdout.on("error", (error) => {
  outputFailure ??= isClosedPipe(error)
    ? error
    : new SystemFailure(`Standard output cannot be written: ${systemReason(error)}.`);
  ending.abort(outputFailure);
});
process.stderr.on("error", () => {});
process.on("SIGINT", () => {
  if (ending.signal.aborted) process.exit(ExitCode.interrupted);
  ending.abort(new Interrupted());
});

let failure: unknown;
try {
  const program = createProgram(ending.signal).hook("preAction", (_, action) => void (command = action));
  await program.parseAsync(helpWords(program, process.argv.slice(2)), { from: "user" });
  // What was written last, such as help, may fail as well.
  await new Promise((resolve) => process.stdout.write("", resolve));
} catch (error) {
  await new Promise((resolve) => process.stdout.write("", resolve));
  failure = error;
}
if (outputFailure !== undefined && (failure === undefined || !isClosedPipe(outputFailure))) failure = outputFailure;
if (failure !== undefined) process.exitCode = reportFailure(failure, command);
