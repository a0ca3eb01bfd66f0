// `caduceus embed`: the embedding of a text, or of many with --input.
import { createHash } from "node:crypto";
import { answered } from "../batch/answer_line.js";
import { runBatch } from "../batch/batch_command.js";
import type { PromptLine } from "../batch/prompt_line.js";
import { CaduceusError, type EmbedOptions, type Model } from "../../index.js";
import { UsageError } from "../exit_codes.js";
import { modelIdentity, type ModelFlags } from "../flags/model_flags.js";
import { jsonLine } from "../output/result_fields.js";
import { withModel, write } from "../output/terminal.js";

export interface EmbedFlags extends ModelFlags {
  readonly pooling?: "mean" | "cls" | "last";
  readonly dimensions?: number;
  readonly truncate?: boolean;
  /** False by --no-normalize. */
  readonly normalize?: boolean;
  readonly input?: string;
  readonly output?: string;
  readonly concurrency?: number;
  readonly retryErrors?: boolean;
}

export async function embedCommand(argument: string, flags: EmbedFlags, ending: AbortSignal): Promise<void> {
  const { input, pooling, dimensions, truncate, normalize } = flags;
  const options: EmbedOptions = { pooling, dimensions, truncate, normalize };
  if (input !== undefined) {
    if (argument !== "") throw new UsageError("Expected either --input or a text.");
    const settings = [modelIdentity(flags.model), flags.ctxSize ?? null, pooling, dimensions, truncate, normalize];
    const batch = {
      settings: createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 8),
      check: (model: Model) => model.embed([], options),
      answer: (model: Model, line: PromptLine, signal: AbortSignal) =>
        answered(line, signal, (given) => embedOne(model, textOf(given), { ...options, signal })),
    };
    return runBatch({ concurrency: 32, ...flags, input }, batch, ending);
  }
  if (flags.output !== undefined || flags.concurrency !== undefined || flags.retryErrors)
    throw new UsageError("Expected --input with --output, --concurrency and --retry-errors.");
  if (argument === "") throw new UsageError("Expected a text, or --input. Try --help.");
  await withModel(flags, ending, async (model) =>
    write(`${jsonLine(await embedOne(model, argument, { ...options, signal: ending }))}\n`),
  );
}

async function embedOne(model: Model, text: string, options: EmbedOptions) {
  const { embeddings, truncated, usage } = await model.embed(text, options);
  return {
    embedding: Array.from(embeddings[0] as Float32Array),
    ...(truncated.length > 0 ? { truncated: true } : {}),
    usage,
  };
}

function textOf(line: object): string {
  const { text } = line as { text?: unknown };
  if (typeof text === "string" && text !== "") return text;
  throw new CaduceusError("INVALID_ARGUMENT", "Expected text, a string that is not empty.");
}
