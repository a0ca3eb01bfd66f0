// The flags and the help of `caduceus serve`. What it does is loaded when it is asked for.
import { type Command, InvalidArgumentError } from "commander";
import { exitCodeHelp } from "../exit_codes.js";
import { helpText } from "../output/help_text.js";
import { readBytes, readCount, readKeepAlive, readNumber, readSeconds } from "../flag_values.js";
import { addLoadFlags } from "../flags/model_flags.js";
import { addUpstreamFlags } from "../flags/upstream_flags.js";
import type { ServeFlags } from "./serve_command.js";

export function addServeCommand(program: Command, ending: AbortSignal): void {
  const serve = program
    .command("serve")
    .description("Answers over HTTP as the APIs of OpenAI, Anthropic and Ollama do.")
    .option(
      "-m, --model <name|path>",
      "smollm2, hermes-2-pro, or a path to a GGUF file; NAME=PATH serves it as NAME; may be given several times (default: smollm2)",
      addTo,
    )
    .option("--models-dir <path>", "folder with GGUF files, in folders below it too; each is served by its name")
    .option(
      "--config <path>",
      "JSON file, or a module, with the options of a ModelPool: models with options of their own, and limits",
    )
    .option("--load-on-startup", "load all models at once (default: a single one; of several each at its first use)")
    .option(
      "--keep-alive <duration>",
      "unload a model that nobody has used for so long: seconds, or 5m, 1h; -1 is never (default: never)",
      readKeepAlive,
    )
    .option(
      "--max-memory <bytes>",
      "most memory of all loaded models: bytes, or 24G; the least recently used leave for others (default: this machine's)",
      readBytes,
    )
    .option("--models-max <count>", "most models that are loaded (default: no limit)", readCount)
    .option("--host <address>", "address to listen on; 0.0.0.0 is all of this machine's", readHost, "127.0.0.1")
    .option("--port <number>", "port to listen on, 0 takes a free one", readNumber, 8080)
    .option(
      "--api-key <key>",
      "key that clients must have; may be given several times. Others on this machine can read command lines: prefer the next",
      addTo,
    )
    .option("--api-key-file <path>", "file with one key a line (also: CADUCEUS_API_KEYS, keys with commas between)")
    .option(
      "--allowed-host <name>",
      "name under which clients reach it, besides localhost and addresses; may be given several times",
      addTo,
    )
    .option(
      "--cors-origin <origin>",
      "origin whose pages may use it, * is all; may be given several times (default: none)",
      addTo,
    )
    .option("--no-page", "leave out the web page at /")
    .option("--max-queue <count>", "answers that may wait, further ones get 429 (default: 256)", readCount)
    .option("--max-body <bytes>", "longest request (default: 4194304)", readCount)
    .option(
      "--max-bodies-per-address <count>",
      "requests of one address that may be arriving at a time; behind a proxy all have its address (default: 64)",
      readCount,
    )
    .option("--reply-timeout <seconds>", "longest time for an answer (default: 1800)", readSeconds(0.001))
    .option("--grace <seconds>", "what is under way at the end may still take so long (default: 10)", readSeconds(0))
    .option(
      "--isolate",
      "load each model in a process of its own, so that a crash ends neither the server nor the others",
    )
    .option("--cache-tokens <count>", "room for all conversations together (default: twice --ctx-size)", readNumber);
  addUpstreamFlags(addLoadFlags(serve))
    .addHelpText(
      "after",
      helpText(`
Endpoints:
  POST /v1/chat/completions  conversations, with tools and JSON by a schema
  POST /v1/completions       raw prompts
  POST /infill               what stands in the gap of a text
  POST /v1/embeddings        embeddings of texts
  POST /v1/rerank            documents, ordered by a reranker
  POST /v1/responses         conversations as items, stored in memory
  POST /v1/messages          conversations of Anthropic's clients
  POST /v1/messages/count_tokens
                             the tokens of such a conversation
  POST /v1/engine            the model's engine, for connect and --upstream elsewhere:
  POST /v1/engine/run        what it writes
  POST /v1/engine/tokenize   tokens of a prompt
  POST /v1/engine/detokenize
                             the text of tokens
  POST /v1/engine/token-bytes
                             the bytes of each token
  POST /v1/engine/embed      the embedding of a text
  POST /api/chat             conversations of Ollama's clients
  POST /api/generate         prompts of Ollama's clients
  POST /api/embed            embeddings for Ollama's clients
  POST /api/show             a model, for these
  GET /api/tags              the models, for these
  GET /api/version           the version of Ollama's API
  GET /api/ps                the loaded ones, for these
  GET /v1/models             the models and their states
  POST /v1/models/load       loads a model, answers when it is there
  POST /v1/models/unload     unloads it when nobody uses it
  POST /apply-template       the exact prompt of a conversation, and its tokens
  POST /tokenize             the tokens of a text
  POST /detokenize           the text of tokens
  GET /tokenizer_info        special tokens and the chat template
  GET /lora-adapters         adapters (LoRA) and their scales; POST changes the scales
  GET /health                whether the process answers
  GET /ready                 whether the models of the start are loaded
  GET /metrics               numbers for Prometheus
  GET /stats                 the same for people and programs, as JSON
  GET /                      a page to try the models on

Clients ask for a model by the name it is served under: an alias, a file's name without .gguf, or the NAME given. A request
for a model that is not loaded waits for it; a model that answers is never unloaded. SIGTERM and Ctrl-C let what is under way come to its end; a second signal of either kind ends it at once.

Examples:
  caduceus serve
  caduceus serve -m hermes=./Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf --port 8000
  caduceus serve --models-dir ./models --max-memory 24G --keep-alive 10m
  caduceus serve --config models.json
  caduceus serve --upstream http://10.0.0.5:8000 --format hermes
  caduceus serve --host 0.0.0.0 --api-key-file keys.txt --allowed-host models.example.com

${exitCodeHelp}`),
    )
    .action(async (flags: ServeFlags) => (await import("./serve_command.js")).serveCommand(flags, ending));
}

/** An empty one would be all addresses of the machine. */
function readHost(text: string): string {
  if (text.trim() === "")
    throw new InvalidArgumentError("Expected a name or an address; 0.0.0.0 is all of this machine's.");
  return text.trim();
}

const addTo = (value: string, earlier: string[] = []) => [...earlier, value];
