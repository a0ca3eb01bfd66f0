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
        "Measures how fast a model runs on this machine: loading, prefill, decoding with one and several streams, memory.",
      ),
  )
    .option("-p, --n-prompt <tokens>", "length of the prompts", readCount, 512)
    .option("-n, --n-gen <tokens>", "tokens that each stream generates, at least 2", readLength, 128)
    .option("-r, --repetitions <count>", "number of measurements of each, after one warm-up", readCount, 3)
    .option("--streams <counts>", "numbers of simultaneous answers, separated by commas", readCounts, [1, 4, 16])
    .addOption(threadsFlag())
    .addOption(kvTypeFlag())
    .addOption(gpuLayersFlag())
    .option("--json", "print one JSON object with every measurement")
    .addHelpText(
      "after",
      helpText(`
Prompts are random words that are not cached; answers take the most likely token and never end early. Speculative decoding is off,
because such text would favor it. The figures are medians, with minimum and maximum. They are valid for an otherwise idle machine;
a warning says if it was not.

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
