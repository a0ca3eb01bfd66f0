// `caduceus run`: one prompt, one answer.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { UsageError } from "./exit_codes.js";
import { conversation, replyOptions, type ModelFlags } from "./model_flags.js";
import { withModel, write, writeAnswer } from "./terminal.js";

export interface RunFlags extends ModelFlags {
  readonly file?: string;
  readonly json?: boolean;
}

export async function runCommand(argument: string, flags: RunFlags, ending: AbortSignal): Promise<void> {
  const prompt = await readPrompt(argument, flags.file, ending);
  await withModel(flags, ending, async (model) => {
    const reply = model.reply(conversation(prompt, flags), { ...replyOptions(flags), signal: ending });
    if (!flags.json) return writeAnswer(reply);
    const { text, finishReason, stopString, usage, timings } = await reply;
    await write(`${JSON.stringify({ model: model.info.name ?? model.info.description, text, finishReason, stopString, usage, timings })}\n`);
  });
}

/** The prompt, from wherever it comes. */
export async function readPrompt(argument: string, file: string | undefined, ending: AbortSignal): Promise<string> {
  const readsInput = argument === "-" || (argument === "" && file === undefined);
  if (readsInput && process.stdin.isTTY) {
    throw new UsageError("Expected a prompt: as an argument, with --file, or on standard input. Try --help, or caduceus chat.");
  }
  const parts = [
    readsInput ? await readInput(ending) : argument,
    file === undefined ? "" : await readTextFile(file),
  ];
  const prompt = parts.filter((part) => part !== "").join("\n\n");
  if (prompt.trim() === "") throw new UsageError(`Expected a prompt but ${file ?? "standard input"} is empty.`);
  return prompt;
}

async function readTextFile(file: string): Promise<string> {
  try {
    return withoutLastNewline(await readFile(file, "utf8"));
  } catch (error) {
    throw new UsageError(`The prompt cannot be read: ${(error as Error).message}.`);
  }
}

/** Everything on standard input, but for the newline that ends it. */
export async function readInput(ending: AbortSignal): Promise<string> {
  const stop = () => process.stdin.destroy(ending.reason);
  ending.addEventListener("abort", stop, { once: true });
  try {
    return withoutLastNewline(await text(process.stdin));
  } finally {
    ending.removeEventListener("abort", stop);
  }
}

const withoutLastNewline = (read: string) => read.replace(/\r?\n$/, "");
