// `caduceus run`: one prompt, one answer; with --input many.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { ExitCode, UsageError } from "./exit_codes.js";
import { readRequest, type RequestFlags } from "./request.js";
import { jsonLine, resultFields } from "./result_fields.js";
import { showReply } from "./show_reply.js";
import { withModel, write } from "./terminal.js";

export interface RunFlags extends RequestFlags {
  readonly file?: string;
  readonly json?: boolean;
  readonly input?: string;
  readonly output?: string;
  readonly concurrency?: number;
  readonly retryErrors?: boolean;
}

export async function runCommand(argument: string, flags: RunFlags, ending: AbortSignal): Promise<void> {
  const { input } = flags;
  if (input !== undefined) {
    if (argument !== "" || flags.file !== undefined) throw new UsageError("Expected either --input or a prompt.");
    return (await import("./batch/batch_command.js")).batchCommand({ ...flags, input }, ending);
  }
  if (flags.output !== undefined || flags.concurrency !== undefined || flags.retryErrors) throw new UsageError("Expected --input with --output, --concurrency and --retry-errors.");
  const prompt = await readPrompt(argument, flags.file, ending);
  const request = await readRequest(flags);
  await withModel(flags, ending, async (model) => {
    const reply = model.reply(request.ask(prompt), { ...request.options, signal: ending });
    if (!flags.json) await showReply(reply, { showsCalls: flags.yesTools === true });
    const result = await reply;
    const { valueProblem } = result;
    if (flags.json) await write(`${jsonLine({ model: model.info.name ?? model.info.description, ...resultFields(result), valueProblem: valueProblem?.message })}\n`);
    if (valueProblem !== undefined) process.exitCode = ExitCode.failure;
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
