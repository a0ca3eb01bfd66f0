// The command line: its commands, their flags and their help.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { chatCommand } from "./chat_command.js";
import { addEvalCommand } from "./eval_flags.js";
import { exitCodeHelp } from "./exit_codes.js";
import { explainCommand, type ExplainFlags } from "./explain_command.js";
import { addInspectCommands } from "./inspect_commands.js";
import { addModelsCommands } from "./models_commands.js";
import { addModelFlags, type ModelFlags } from "./model_flags.js";
import { runCommand, type RunFlags } from "./run_command.js";
import { addServeCommand } from "./serve_flags.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

/** `ending` aborts when the command is to end: by Ctrl-C, or because nobody reads its output. */
export function createProgram(ending: AbortSignal): Command {
  const program = new Command("caduceus")
    .description("Runs Hermes-2-Pro and other ChatML models on this machine.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("Try --help.")
    .addHelpText("after", `
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

${exitCodeHelp}`);

  addModelFlags(program.command("chat").description("Chats in the terminal. With a question, or one on standard input, answers it and ends."), { system: "You are a helpful assistant." })
    .argument("[question...]", "a question to answer instead")
    .addHelpText("after", `
In the chat: Ctrl-C stops the reply, Ctrl-C again or Ctrl-D leaves, /help lists what else there is.

Examples:
  caduceus chat -s "Be brief."
  caduceus chat --temp 0 "Why is the sky blue?"
  echo "Why is the sky blue?" | caduceus chat

${exitCodeHelp}`)
    .action((words: string[], flags: ModelFlags) => chatCommand(words.join(" "), flags, ending));

  addModelFlags(program.command("run").description("Answers one prompt: an argument, a file, or standard input. Only the answer goes to standard output."))
    .argument("[prompt...]", "the prompt; - or none reads standard input")
    .option("-f, --file <path>", "read the prompt from a file; with a prompt too, the file follows it after a blank line")
    .option("--json", "print one JSON object: model, text, finishReason, usage, timings")
    .addHelpText("after", `
Examples:
  caduceus run "Why is the sky blue?"
  caduceus run -f notes.txt "Sum up these notes:"
  git diff | caduceus run -s "You write commit messages." -n 60
  caduceus run --json --seed 1 "A haiku, please." | jq .usage

${exitCodeHelp}`)
    .action((words: string[], flags: RunFlags) => runCommand(words.join(" "), flags, ending));

  addModelFlags(program.command("explain").description("Shows what a prompt becomes: the format and why, the exact text, its tokens, and what of it was cached."))
    .argument("[prompt...]", "the prompt; - or none reads standard input")
    .option("-f, --file <path>", "read the prompt from a file; with a prompt too, the file follows it after a blank line")
    .option("--tools <path>", "a JSON file with a list of tools, as OpenAI's clients send them")
    .option("--schema <path>", "a JSON file with the JSON Schema of the answer")
    .option("--prompt-variant <name>", "wording with tools: card, tool_use or hermes3 (default: card)")
    .option("--json", "print one JSON object: format, reason, prompts with text, parts and tokens")
    .addHelpText("after", `
Examples:
  caduceus explain "Why is the sky blue?"
  caduceus explain --tools tools.json -s "Be brief." "How warm is it in Paris?"
  caduceus explain --json "Hi" | jq '.prompts[0].tokens'

${exitCodeHelp}`)
    .action((words: string[], flags: ExplainFlags) => explainCommand(words.join(" "), flags, ending));

  addModelsCommands(program, ending);
  addInspectCommands(program, ending);
  addServeCommand(program, ending);
  addEvalCommand(program, ending);
  return program;
}
