// The flags and the help of `caduceus mcp`. What it does is loaded when it is asked for.
import type { Command } from "commander";
import { exitCodeHelp } from "../exit_codes.js";
import { helpText } from "../output/help_text.js";
import { addLoadFlags, addModelFlag, type ModelFlags } from "./model_flags.js";

export function addMcpCommand(program: Command, ending: AbortSignal): void {
  addLoadFlags(
    addModelFlag(
      program
        .command("mcp")
        .description(
          "Offers a model to an MCP host over standard input and output: generate, extract (JSON by a schema) and embed.",
        ),
    ),
  )
    .addHelpText(
      "after",
      helpText(`
It needs the package @modelcontextprotocol/sdk: npm install @modelcontextprotocol/sdk. A model for embeddings has the tool embed
alone, a reranker the tool rerank. The command ends when its host closes standard input.

Examples:
  caduceus mcp
  caduceus mcp -m ./nomic-embed-text.gguf

${exitCodeHelp}`),
    )
    .action(async (flags: ModelFlags) => (await import("../commands/mcp_command.js")).mcpCommand(flags, ending));
}
