// `caduceus inspect` and `doctor`: what a model is, and whether this machine can run it.
import type { Command } from "commander";
import { doctor, inspectModel, type Finding, type InspectOptions, type ModelSummary } from "../../index.js";
import { ExitCode, exitCodeHelp } from "../exit_codes.js";
import { helpText } from "../output/help_text.js";
import { addDraftModelFlag, addMemoryFlags, type ModelFlags } from "../flags/model_flags.js";
import { bytesText } from "../output/progress_bar.js";
import { writeTable } from "../output/table.js";
import { dim, withoutControls, write } from "../output/terminal.js";

interface InspectFlags extends Pick<ModelFlags, "ctxSize" | "kvType" | "gpuLayers" | "draftModel" | "modelDraft"> {
  readonly json?: boolean;
}

export function addInspectCommands(program: Command, ending: AbortSignal): void {
  addLoadedMemoryFlags(
    program
      .command("inspect")
      .description(
        "Shows what a model is and how much memory it needs, without loading it. Of one that is only on the hub a few megabytes are received.",
      ),
  )
    .argument("<name|path>", "smollm2, hermes-2-pro[:quantization], hf:owner/repository[:quantization], or a path")
    .option("--json", "print one JSON object, with all metadata and the chat template")
    .addHelpText(
      "after",
      helpText(`
Examples:
  caduceus inspect hermes-2-pro
  caduceus inspect -c 32768 --kv-type q8_0 ./model.gguf
  caduceus inspect --json hf:owner/repository:Q8_0 | jq .memory

${exitCodeHelp}`),
    )
    .action((name: string, flags: InspectFlags) => inspectCommand(name, flags, ending));

  addLoadedMemoryFlags(
    program
      .command("doctor")
      .description(
        "Looks for what is wrong: Node, processor, addon, memory, disk, settings, and whether a model fits. Says what helps.",
      ),
  )
    .argument("[name|path]", "the model to have room for (default: those in Caduceus' folder, as a warning)")
    .option("--json", "print one JSON object: isHealthy, findings with subject, state, detail and remedy, model")
    .addHelpText(
      "after",
      helpText(`
Examples:
  caduceus doctor
  caduceus doctor hermes-2-pro:q8_0
  caduceus doctor -c 32768 ./model.gguf

${exitCodeHelp} Something is wrong: 1. A warning (warn) alone is 0.`),
    )
    .action((name: string | undefined, flags: InspectFlags) => doctorCommand(name, flags, ending));
}

const addLoadedMemoryFlags = (command: Command) => addDraftModelFlag(addMemoryFlags(command));

const memoryOptions = (
  { ctxSize, kvType, gpuLayers, draftModel, modelDraft }: InspectFlags,
  signal: AbortSignal,
): InspectOptions => ({
  contextSize: ctxSize,
  kvType,
  gpuLayers,
  draftModel: draftModel ?? modelDraft,
  signal,
});

async function inspectCommand(name: string, flags: InspectFlags, ending: AbortSignal): Promise<void> {
  const summary = await inspectModel(name, memoryOptions(flags, ending));
  await write(flags.json ? `${JSON.stringify(summary)}\n` : describeModel(summary));
}

function describeModel({
  name,
  path,
  url,
  sizeBytes,
  files,
  quantization,
  architecture,
  parameters,
  tensorTypes,
  layers,
  embeddingSize,
  heads,
  trainingContextSize,
  vocabularySize,
  chatTemplate,
  memory,
}: ModelSummary): string {
  const show = (text: string) => (process.stdout.isTTY ? withoutControls(text) : text);
  const types = Object.entries(tensorTypes).map(
    ([type, count]) => `${type} ${((100 * count) / parameters).toFixed(count * 1000 < parameters ? 2 : 0)} %`,
  );
  const rows = [
    ["Name", show(name ?? "(none)")],
    [path === undefined ? "On the hub" : "File", path ?? url ?? ""],
    ["Size", `${bytesText(sizeBytes)}${files > 1 ? ` in ${files} files` : ""}`],
    ["Architecture", show(`${architecture}, ${layers} layers of width ${embeddingSize}, ${heads} heads`)],
    [
      "Parameters",
      `${countText(parameters)}${quantization === undefined ? "" : `, ${quantization}`}${files > 1 ? " (in the first file)" : ""}`,
    ],
    ["Tensors", types.join(", ")],
    ["Trained for", `${trainingContextSize} tokens`],
    ["Vocabulary", `${vocabularySize} tokens`],
    ["Chat template", chatTemplate === undefined ? "none" : `${chatTemplate.length} characters`],
    [
      "Memory",
      `about ${bytesText(memory.totalBytes)}: ${bytesText(memory.weightsBytes)} weights, ${bytesText(memory.cacheBytes)} for ${memory.cacheTokens} cached tokens (${bytesText(memory.cacheBytesPerToken)} each), ${bytesText(memory.computeBytes)} to compute in${memory.draftBytes === undefined ? "" : `, ${bytesText(memory.draftBytes)} for the draft model`}`,
    ],
  ];
  return writeTable(rows);
}

function countText(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)} billion` : `${(count / 1e6).toFixed(1)} million`;
}

const marks = { ok: "ok", warning: "warn", problem: "WRONG" } as const;

async function doctorCommand(name: string | undefined, flags: InspectFlags, ending: AbortSignal): Promise<void> {
  const report = await doctor(name, memoryOptions(flags, ending));
  await write(flags.json ? `${JSON.stringify(report)}\n` : report.findings.map(describeFinding).join(""));
  if (!report.isHealthy) process.exitCode = ExitCode.failure;
}

function describeFinding({ subject, state, detail, remedy }: Finding): string {
  const line = `${marks[state].padEnd(5)}  ${subject}: ${detail}\n`;
  return remedy === undefined ? line : `${line}       ${dim(`What helps: ${remedy}`, process.stdout)}\n`;
}
