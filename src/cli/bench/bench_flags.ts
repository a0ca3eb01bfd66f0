// The flags and the help of `caduceus bench`. What it does is loaded when it is asked for.
import { type Command, InvalidArgumentError } from "commander";
import { exitCodeHelp } from "../exit_codes.js";
import { helpText } from "../output/help_text.js";
import { readCount } from "../flag_values.js";
import { addModelFlag, gpuLayersFlag, kvTypeFlag, threadsFlag } from "../flags/model_flags.js";
import type { BenchFlags } from "./bench_command.js";

export function addBenchCommand(program: Command, ending: AbortSignal): void {
  addModelFlag(
    program
      .command("bench")
      .description(
        "Measures how fast a model runs on this machine: loading, reading prompts, writing one and several answers, memory.",
      ),
  )
    .option("-p, --n-prompt <tokens>", "length of the prompts that are read", readCount, 512)
    .option("-n, --n-gen <tokens>", "tokens that each stream writes, at least 2", readLength, 128)
    .option(
      "-r, --repetitions <count>",
      "how often each is measured, after a first time that does not count",
      readCount,
      3,
    )
    .option(
      "--streams <counts>",
      "answers that are written at the same time, with commas between",
      readCounts,
      [1, 4, 16],
    )
    .addOption(threadsFlag())
    .addOption(kvTypeFlag())
    .addOption(gpuLayersFlag())
    .option("--json", "print one JSON object, with every single measurement")
    .addHelpText(
      "after",
      helpText(`
Prompts are words without meaning that no cache has seen; answers take the likeliest token and never end by themselves. There
is no speculative decoding, which such text would flatter. Figures are medians, with the least and the most beside them. They hold
for a machine that does nothing else, and the command says when it did.

Examples:
  caduceus bench
  caduceus bench -m hermes-2-pro -p 512 -n 128 -r 3
  caduceus bench -m ./model.gguf --streams 1,8 --json | jq '.rows[] | {name, median, unit}'

${exitCodeHelp}`),
    )
    .action(async (flags: BenchFlags) => (await import("./bench_command.js")).benchCommand(flags, ending));
}

const mostStreams = 64;

/** Speed is what lies between the first token and the last. */
function readLength(text: string): number {
  const count = readCount(text);
  if (count < 2) throw new InvalidArgumentError("Expected at least 2.");
  return count;
}

function readCounts(text: string): number[] {
  const counts = [...new Set(text.split(",").map(readCount))];
  if (counts.some((count) => count > mostStreams)) throw new InvalidArgumentError(`Expected at most ${mostStreams}.`);
  return counts;
}
