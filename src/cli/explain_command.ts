// `caduceus explain`: how a prompt comes about, from its format down to its tokens.
import { readFile } from "node:fs/promises";
import type { Explanation, JsonSchema, ReplyOptions, ToolInput } from "../index.js";
import { UsageError } from "./exit_codes.js";
import { conversation, replyOptions } from "./model_flags.js";
import { readPrompt, type RunFlags } from "./run_command.js";
import { dim, withModel, withoutControls, write } from "./terminal.js";

export interface ExplainFlags extends RunFlags {
  readonly tools?: string;
  readonly schema?: string;
  readonly promptVariant?: ReplyOptions["promptVariant"];
}

export async function explainCommand(argument: string, flags: ExplainFlags, ending: AbortSignal): Promise<void> {
  const prompt = await readPrompt(argument, flags.file, ending);
  // What is wrong with them is said by the library.
  const tools = flags.tools === undefined ? undefined : await readJson(flags.tools) as ToolInput[];
  const schema = flags.schema === undefined ? undefined : await readJson(flags.schema) as JsonSchema;
  await withModel(flags, ending, async (model) => {
    // One token is enough to have the prompt read, and to know what of it was cached.
    const options = { ...replyOptions(flags), tools, schema, promptVariant: flags.promptVariant, maxTokens: 1, signal: ending };
    const explanation = await model.reply(conversation(prompt, flags), options).explain();
    await write(flags.json ? `${JSON.stringify(explanation)}\n` : describe(explanation));
  });
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as unknown;
  } catch (error) {
    throw new UsageError(`${file} cannot be read as JSON: ${(error as Error).message}.`);
  }
}

function describe({ format, reason, prompts, unenforced }: Explanation): string {
  const show = (text: string) => (process.stdout.isTTY ? withoutControls(text) : text);
  const lines = [`Format: ${format}`, `Why: ${reason}`];
  const [constraint] = prompts.flatMap((prompt) => prompt.constraint ?? []);
  if (constraint?.kind === "tools") lines.push(`Held to: ${constraint.schema === undefined ? "" : "the schema or "}calls of ${constraint.tools.map(({ name }) => name).join(", ")} (${constraint.mode}, ${constraint.order})`);
  else if (constraint !== undefined) lines.push(`Held to: ${constraint.kind}`);
  for (const { path, keyword, reason: why } of unenforced) lines.push(`Only checked: ${keyword} of ${path}: ${why}`);
  for (const { text, tokens, promptTokens = tokens.length, cachedTokens = 0 } of prompts) {
    lines.push("", dim("--- prompt ---", process.stdout), show(text), "", dim(`--- ${promptTokens} tokens, ${cachedTokens} of them cached ---`, process.stdout));
    for (const { id, text: token } of tokens) lines.push(`${String(id).padStart(6)}  ${JSON.stringify(token)}`);
  }
  return `${lines.join("\n")}\n`;
}
