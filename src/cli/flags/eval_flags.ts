// The flags and the help of `caduceus eval`. What it does is loaded when it is asked for.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { EvalFlags, FunctionCallingFlags } from "../commands/eval_command.js";
import { exitCodeHelp } from "../exit_codes.js";
import { helpText } from "../output/help_text.js";
import { readCount, readNumber } from "../flag_values.js";
import { addLoadFlags, addModelFlag } from "./model_flags.js";

const resultsHelp = `
Answers are written to results.jsonl as they come, the report beside them. The same command goes on where an earlier one was
stopped or killed; another --limit or --concurrency still counts as the same. Every answer is judged again at the end, so a
finished folder gives its report without the model.`;

export function addEvalCommand(program: Command, ending: AbortSignal): void {
  const group = program
    .command("eval")
    .description("Measures a model by published data sets of function calling and JSON mode.")
    .addHelpText(
      "after",
      helpText(`
Examples:
  caduceus eval function-calling func-calling-eval.jsonl
  caduceus eval function-calling berkeley --category simple_python,parallel --limit 100
  caduceus eval json json-mode-eval.jsonl --json

Each command has a --help of its own.
${resultsHelp}

${exitCodeHelp}`),
    );

  const functionCalling = group
    .command("function-calling")
    .description("Asks for calls of functions and compares them with the expected ones.")
    .argument(
      "<source>",
      "a file in the form of NousResearch/func-calling-eval (JSON lines or one array), or the word berkeley",
    );
  addEvalFlags(functionCalling)
    .option(
      "--category <names>",
      "berkeley only: some of simple_python, multiple, parallel, parallel_multiple, irrelevance, with commas between (default: all)",
    )
    .addOption(
      new Option("--tool-choice <choice>", "whether the model may answer without a call (default: auto)").choices([
        "auto",
        "required",
      ]),
    )
    .addOption(
      new Option(
        "--call-order <order>",
        "which key of a constrained call comes first (default: the library's)",
      ).choices(["name-first", "arguments-first", "either"]),
    )
    .addOption(yesOrNo("--parallel-calls <yes|no>", "several calls in one reply (default: yes)"))
    .addOption(
      yesOrNo(
        "--parallel-hint <yes|no>",
        "one more sentence in the system turn, which asks for a call for each thing wanted (default: no)",
      ),
    )
    .addOption(
      new Option(
        "--untagged-calls <choice>",
        "what becomes of calls without their tags: taken as they are, generated again where they are in Python's form or wrong, or text (default: the library's)",
      ).choices(["accept", "rewrite", "off"]),
    )
    .addHelpText(
      "after",
      helpText(`
A file has a row for each sample: prompt (messages), tools and completion (the expected calls), the last two as JSON text. A
system message that states the tools is replaced by the model's own wording. Two scores:
  official    as the published scores are counted: the reply is read as XML, only the first call of each expected name is
              compared, so two calls of one function never both pass, and a sample that expects no call never does
  corrected   each expected call is paired with one of its own, no call is right where none is expected, true is not 1

berkeley asks the questions of the Berkeley leaderboard (bfcl-eval 2026.3.23, fetched once with pip) and gives one score:
  ast         that leaderboard's own rules for Python functions; in irrelevance a reply without a call is right
${resultsHelp}

Examples:
  caduceus eval function-calling func-calling-eval.jsonl -m hermes-2-pro
  caduceus eval function-calling berkeley --category simple_python --limit 20 --constrained no

${exitCodeHelp}`),
    )
    .action(async (source: string, flags: FunctionCallingFlags) =>
      (await import("../commands/eval_command.js")).evalFunctionCalling(source, flags, ending),
    );

  const json = group
    .command("json")
    .description("Asks for JSON by a schema and compares it with the reference.")
    .argument("<file>", "a file in the form of NousResearch/json-mode-eval (JSON lines or one array)");
  addEvalFlags(json)
    .addHelpText(
      "after",
      helpText(`
A file has a row for each sample: prompt (messages), schema and completion (the reference), the last two as JSON text. A system
message that states the schema is replaced by the library's own, which has the same words. Two scores:
  official    as the published scores are counted: parses as JSON or as a Python literal, satisfies the schema, and its keys
              and values are those of the reference, where True, 1 and 1.0 are equal
  corrected   JSON alone counts, of whatever type the reference is, and true is not 1
${resultsHelp}

Examples:
  caduceus eval json json-mode-eval.jsonl -m hermes-2-pro
  caduceus eval json json-mode-eval.jsonl --limit 20 --json | jq .total

${exitCodeHelp}`),
    )
    .action(async (file: string, flags: EvalFlags) =>
      (await import("../commands/eval_command.js")).evalJson(file, flags, ending),
    );
}

function addEvalFlags(command: Command): Command {
  addModelFlag(command)
    .option("-n, --max-tokens <count>", "longest reply", readCount, 512)
    .option("--temp <number>", "temperature, 0 is always the likeliest token", readNumber, 0.1)
    .option(
      "--seed <number>",
      "each sample's own follows from it; same seed, same answers but for ties, which the company of other samples can decide",
      readSeed,
      0,
    )
    .option(
      "--deterministic",
      "same seed, same answers to the last bit: computed one after the other, which takes longer",
    )
    .option("--limit <count>", "ask only the first so many samples, of each category where there are some", readCount)
    .option("--concurrency <count>", "samples that are answered at the same time", readCount, 4)
    .option(
      "--out <folder>",
      "where results and report go (default: evaluation/, a folder named by the data, the model and the settings)",
    )
    .option("--fresh", "forget the answers of an earlier run in that folder")
    .option("--json", "print the report as one JSON object, with every failure and its reason")
    .addOption(
      new Option(
        "--undeclared-properties <choice>",
        "whether constrained objects have properties that their schema does not declare (default: the library's)",
      ).choices(["refuse", "allow"]),
    )
    .addOption(
      yesOrNo(
        "--constrained <yes|no>",
        "no: calls and JSON are only checked after they are written (default: yes where the engine can)",
      ),
    );
  return addLoadFlags(command);
}

const yesOrNo = (flags: string, description: string) => new Option(flags, description).choices(["yes", "no"]);

function readSeed(text: string): number {
  const number = readNumber(text);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError("Expected a whole number from 0 up.");
  return number;
}
