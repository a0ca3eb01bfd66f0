// The command line: its commands, their flags and their help.
import { Command, Option } from "commander";
import { packageVersion } from "../package_folder.js";
import { addBenchCommand } from "./bench/bench_flags.js";
import { chatCommand } from "./chat/chat_command.js";
import { addEvalCommand } from "./flags/eval_flags.js";
import { exitCodeHelp } from "./exit_codes.js";
import { helpText } from "./output/help_text.js";
import { embedCommand, type EmbedFlags } from "./commands/embed_command.js";
import { explainCommand, type ExplainFlags } from "./commands/explain_command.js";
import { addInspectCommands } from "./commands/inspect_commands.js";
import { addQuantizeCommand } from "./commands/quantize_command.js";
import { addModelsCommands } from "./commands/models_commands.js";
import { readCount } from "./flag_values.js";
import { addMemoryFlags, addModelFlag, addModelFlags, threadsFlag } from "./flags/model_flags.js";
import { addRequestFlags, type RequestFlags } from "./request.js";
import { runCommand } from "./commands/run_command.js";
import type { RunFlags } from "./request.js";
import { addMcpCommand } from "./flags/mcp_flags.js";
import { addServeCommand } from "./serve/serve_flags.js";

const yesToolsHelp = "run the calls of tools without asking";
const promptHelp =
  "the prompt; - or none reads standard input. What is piped to a prompt follows it after a blank line";
const fileHelp =
  "read the prompt from a file, - is standard input; with a prompt too, the file follows it after a blank line, and nothing else is read";

/** `ending` aborts when the command is to end: by Ctrl-C, or because nobody reads its output. */
export function createProgram(ending: AbortSignal): Command {
  const program = new Command("caduceus")
    .description("Runs Hermes-2-Pro and other ChatML models on this machine.")
    .version(packageVersion())
    .exitOverride()
    .configureHelp({ minWidthToWrap: 20 })
    .showHelpAfterError("Try --help.")
    .addHelpText(
      "after",
      helpText(`
Examples:
  caduceus chat
  caduceus chat -m hermes-2-pro
  caduceus pull hermes-2-pro
  caduceus doctor hermes-2-pro
  caduceus run "Why is the sky blue?"
  caduceus run -m ./model.gguf --json < question.txt
  caduceus explain --tools tools.json "How warm is it in Paris?"
  caduceus serve -m hermes=./model.gguf --port 8000
  caduceus eval function-calling berkeley --limit 20
  caduceus bench -m hermes-2-pro

${exitCodeHelp}`),
    );

  addRequestFlags(
    addModelFlags(
      program
        .command("chat")
        .description(
          "Chats in the terminal. With a question, or one on standard input, answers it and ends; what is piped to a question follows it.",
        ),
      { system: "You are a helpful assistant." },
    ),
  )
    .argument("[question...]", "a question to answer instead")
    .option("--mcp <path>", "tools of MCP servers: a JSON file with mcpServers, as other hosts have it")
    .option("--yes-tools", yesToolsHelp)
    .addHelpText(
      "after",
      helpText(`
In the chat: Ctrl-C stops the reply, Ctrl-C again or Ctrl-D leaves, /help lists what else there is: tools, schemas, saving,
forks, the exact prompt. Each call of a tool is asked about before it runs.

Examples:
  caduceus chat -s "Be brief."
  caduceus chat --tools tools.mjs -m hermes-2-pro
  caduceus chat --mcp mcp.json -m hermes-2-pro
  caduceus chat --temp 0 "Why is the sky blue?"
  echo "Why is the sky blue?" | caduceus chat

${exitCodeHelp}`),
    )
    .action((words: string[], flags: RequestFlags) => chatCommand(words.join(" "), flags, ending));

  addRequestFlags(
    addModelFlags(
      program
        .command("run")
        .description(
          "Answers one prompt: an argument, a file, standard input, or an argument about one of these. Only the answer goes to standard output. With --input, answers many.",
        ),
    ),
  )
    .argument("[prompt...]", promptHelp)
    .option("-f, --file <path>", fileHelp)
    .option("--yes-tools", yesToolsHelp)
    .option("--json", "print one JSON object: model, text, value, toolCalls, finishReason, usage, timings, …")
    .option("--input <path>", "many prompts, one JSON object a line; - is standard input")
    .option(
      "--output <path>",
      "where their answers go, one JSON object a line, as they come (default: standard output)",
    )
    .option("--concurrency <count>", "prompts that are answered at the same time (default: 4)", readCount)
    .option("--retry-errors", "ask those again that failed before")
    .addHelpText(
      "after",
      helpText(`
Calls of tools are printed, one JSON object a line, unless --yes-tools runs them.

A line of --input is {"prompt": "…"} or {"messages": […]}, with an "id" if you like, and options of that one reply by the names
of the library: maxTokens, temperature, seed, stop, schema, tools, toolChoice, … A line of --output has the number of the "line",
the "id", "text", "value" (with a schema), "toolCalls", "finishReason", "usage", or an "error" with code and message: a line that
is wrong fails alone. The same command goes on where an earlier one was stopped or killed, without a lost or doubled line, and
refuses answers to other lines or of other settings. Lines may be added to the input at its end.

Examples:
  caduceus run "Why is the sky blue?"
  caduceus run -f notes.txt "Sum up these notes:"
  git diff | caduceus run -n 60 "Write a commit message for this change:"
  caduceus run --json --seed 1 "A haiku, please." | jq .usage
  caduceus run --schema person.json "Anna is 31."
  caduceus run --input prompts.jsonl --output answers.jsonl --concurrency 8 -m hermes-2-pro

${exitCodeHelp} A line that failed, or an answer that does not fit --schema: 1.`),
    )
    .action((words: string[], flags: RunFlags) => runCommand(words.join(" "), flags, ending));

  addRequestFlags(
    addModelFlags(
      program
        .command("explain")
        .description(
          "Shows what a prompt becomes: the format and why, the exact text, its tokens, and what of it was cached.",
        ),
    ),
  )
    .argument("[prompt...]", promptHelp)
    .option("-f, --file <path>", fileHelp)
    .option("--json", "print one JSON object: format, reason, prompts with text, parts and tokens")
    .addHelpText(
      "after",
      helpText(`
Examples:
  caduceus explain "Why is the sky blue?"
  caduceus explain --tools tools.json -s "Be brief." "How warm is it in Paris?"
  caduceus explain --json "Hi" | jq '.prompts[0].tokens'

${exitCodeHelp}`),
    )
    .action((words: string[], flags: ExplainFlags) => explainCommand(words.join(" "), flags, ending));

  addMemoryFlags(
    addModelFlag(
      program.command("embed").description("Prints the embedding of a text as JSON. With --input, of many."),
    ),
  )
    .argument("[text...]", "the text")
    .addOption(threadsFlag())
    .addOption(
      new Option("--pooling <how>", "how the vectors of tokens become one (default: the model's own)").choices([
        "mean",
        "cls",
        "last",
      ]),
    )
    .option("--dimensions <count>", "keep the first so many values", readCount)
    .option("--truncate", "cut texts that are too long, instead of failing")
    .option("--no-normalize", "leave vectors as long as they are")
    .option("--input <path>", "many texts, one JSON object a line; - is standard input")
    .option("--output <path>", "where their embeddings go, one JSON object a line (default: standard output)")
    .option("--concurrency <count>", "texts that are computed at the same time (default: 32)", readCount)
    .option("--retry-errors", "compute those again that failed before")
    .addHelpText(
      "after",
      helpText(`
A line of --input is {"text": "…"}, with an "id" if you like. A line of --output has the number of the "line", the "id", the
"embedding" and "usage", or an "error" with code and message. The same command goes on where an earlier one was stopped or
killed, without a lost or doubled line.

Examples:
  caduceus embed -m ./nomic-embed-text.gguf "search_query: What do cats eat?"
  caduceus embed -m ./nomic-embed-text.gguf --input texts.jsonl --output embeddings.jsonl

${exitCodeHelp} A line that failed: 1.`),
    )
    .action((words: string[], flags: EmbedFlags) => embedCommand(words.join(" "), flags, ending));

  addModelsCommands(program, ending);
  addQuantizeCommand(program, ending);
  addInspectCommands(program, ending);
  addServeCommand(program, ending);
  addMcpCommand(program, ending);
  addEvalCommand(program, ending);
  addBenchCommand(program, ending);
  return program;
}
