// The flags and the help of `caduceus serve`. What it does is loaded when it is asked for.
import { type Command, InvalidArgumentError } from "commander";
import { exitCodeHelp } from "../exit_codes.js";
import { helpText } from "../output/help_text.js";
import { readCount, readNumber, readSeconds } from "../flag_values.js";
import { addLoadFlags } from "./model_flags.js";
import type { ServeFlags } from "../commands/serve_command.js";

export function addServeCommand(program: Command, ending: AbortSignal): void {
  const serve = program
    .command("serve")
    .description("Answers over HTTP as OpenAI's API does: chat completions, completions, models.")
    .option(
      "-m, --model <name|path>",
      "smollm2, hermes-2-pro, or a path to a GGUF file; NAME=PATH serves it as NAME; may be given several times (default: smollm2)",
      addTo,
    )
    .option("--host <address>", "address to listen on; 0.0.0.0 is all of this machine's", readHost, "127.0.0.1")
    .option("--port <number>", "port to listen on, 0 takes a free one", readNumber, 8080)
    .option(
      "--api-key <key>",
      "API key of clients; may be given several times. Other users can read command lines: prefer --api-key-file",
      addTo,
    )
    .option("--api-key-file <path>", "file with one API key a line (also: CADUCEUS_API_KEYS, separated by commas)")
    .option(
      "--allowed-host <name>",
      "host name under which clients reach the server, besides localhost and IP addresses; may be given several times",
      addTo,
    )
    .option(
      "--cors-origin <origin>",
      "origin whose web pages may use the server, * is all; may be given several times (default: none)",
      addTo,
    )
    .option("--no-page", "do not serve the web page at /")
    .option("--max-queue <count>", "maximum number of waiting answers, further ones get 429 (default: 256)", readCount)
    .option("--max-body <bytes>", "maximum size of a request's body (default: 4194304)", readCount)
    .option(
      "--max-bodies-per-address <count>",
      "maximum number of incomplete bodies of one address; behind a proxy all clients have its address (default: 64)",
      readCount,
    )
    .option("--reply-timeout <seconds>", "time limit of an answer (default: 1800)", readSeconds(0.001))
    .option("--grace <seconds>", "time that running answers get at shutdown (default: 10)", readSeconds(0))
    .option(
      "--cache-tokens <count>",
      "size of the KV cache, for all conversations together (default: twice --ctx-size)",
      readNumber,
    );
  addLoadFlags(serve)
    .addHelpText(
      "after",
      helpText(`
Endpoints:
  POST /v1/chat/completions  conversations, with tools and JSON by a schema
  POST /v1/completions       raw prompts
  GET /v1/models             the models and what they can do
  POST /apply-template       the exact prompt of a conversation, and its tokens
  POST /tokenize             the tokens of a text
  POST /detokenize           the text of tokens
  GET /tokenizer_info        special tokens and the chat template
  GET /health                whether the process answers
  GET /ready                 whether all models are loaded
  GET /metrics               statistics for Prometheus
  GET /stats                 statistics as JSON
  GET /                      a web page for trying out the models

The name of a model for clients is its alias, its file name without .gguf, or the NAME given. On SIGTERM and Ctrl-C the server
completes running answers; a second signal of either kind ends it at once.

Examples:
  caduceus serve
  caduceus serve -m hermes=./Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf --port 8000
  caduceus serve --host 0.0.0.0 --api-key-file keys.txt --allowed-host models.example.com

${exitCodeHelp}`),
    )
    .action(async (flags: ServeFlags) => (await import("../commands/serve_command.js")).serveCommand(flags, ending));
}

/** An empty one would be all addresses of the machine. */
function readHost(text: string): string {
  if (text.trim() === "")
    throw new InvalidArgumentError("Expected a name or an address; 0.0.0.0 is all of this machine's.");
  return text.trim();
}

const addTo = (value: string, earlier: string[] = []) => [...earlier, value];
