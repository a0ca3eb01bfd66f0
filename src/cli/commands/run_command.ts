// `caduceus run`: one prompt, one answer; with --input many.
import { ExitCode, UsageError } from "../exit_codes.js";
import { checkStandardInput, readRequest, type Request, type RequestFlags, type RunFlags } from "../request.js";
import { jsonLine, outcomeOf, resultFields } from "../output/result_fields.js";
import { showReply } from "../output/show_reply.js";
import { note, withModel, write } from "../output/terminal.js";
import { isStandardInput, readOfferedInput, readUserText, waitedInVain } from "../output/user_text.js";

export async function runCommand(argument: string, flags: RunFlags, ending: AbortSignal): Promise<void> {
  const { input } = flags;
  if (input !== undefined) {
    if (argument !== "" || flags.file !== undefined) throw new UsageError("Expected either --input or a prompt.");
    return (await import("../batch/batch_command.js")).batchCommand({ ...flags, input }, ending);
  }
  if (flags.output !== undefined || flags.concurrency !== undefined || flags.retryErrors)
    throw new UsageError("Expected --input with --output, --concurrency and --retry-errors.");
  const { prompt, request } = await readQuestion(argument, flags, ending);
  await withModel(flags, ending, async (model) => {
    const reply = model.reply(request.ask(prompt), { ...request.options, signal: ending });
    const { result, error } = flags.json
      ? await outcomeOf(reply)
      : await showReply(reply, { showsCalls: flags.yesTools === true });
    if (flags.json)
      await write(
        `${jsonLine({ model: model.info.name ?? model.info.description, ...resultFields(result), error })}\n`,
      );
    if (error !== undefined) process.exitCode = ExitCode.failure;
  });
}

/** What the command line asks: the prompt, and all that goes with it. */
export async function readQuestion(
  argument: string,
  flags: RequestFlags & { readonly file?: string },
  ending: AbortSignal,
): Promise<{ readonly prompt: string; readonly request: Request }> {
  const isInputTaken = checkStandardInput(flags, { argument, "--file": flags.file });
  const request = await readRequest(flags, ending);
  return { prompt: await readPrompt({ argument, file: flags.file, isInputTaken }, ending), request };
}

/** Nothing was asked. */
export class NoPrompt extends UsageError {}

interface PromptSource {
  /** The words on the command line. */
  readonly argument: string;
  readonly file?: string | undefined;
  /** Other flags read standard input. */
  readonly isInputTaken: boolean;
}

/**
 * The prompt: an argument, what stands in a file or comes on standard input, or the one and behind a blank line the
 * other.
 */
async function readPrompt({ argument, file, isInputTaken }: PromptSource, ending: AbortSignal): Promise<string> {
  const readsInput = argument === "-" || (argument === "" && file === undefined);
  if (readsInput && (process.stdin.isTTY || isInputTaken)) {
    throw new UsageError(
      "Expected a prompt: as an argument, with --file, or on standard input. Try --help, or caduceus chat.",
    );
  }
  const parts = [
    readsInput ? await readText("-", ending) : argument,
    file !== undefined ? await readText(file, ending) : readsInput || isInputTaken ? "" : await readContext(ending),
  ];
  const prompt = parts.filter((part) => part !== "").join("\n\n");
  if (prompt.trim() === "")
    throw new NoPrompt(
      `Expected a prompt but ${readsInput || isStandardInput(file) ? "standard input" : (file ?? "it")} is empty.`,
    );
  return prompt;
}

/** What another program gives along with a prompt: `git diff | caduceus run "Sum this up:"`. */
async function readContext(ending: AbortSignal): Promise<string> {
  const context = await readOfferedInput(ending);
  if (context === undefined) note(waitedInVain);
  return withoutLastNewline(context ?? "");
}

async function readText(file: string, ending: AbortSignal): Promise<string> {
  return withoutLastNewline(await readUserText(file, { signal: ending }));
}

const withoutLastNewline = (read: string) => read.replace(/\r?\n$/, "");
