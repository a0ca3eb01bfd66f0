// `caduceus pull`, `list` and `remove`: the models on this machine.
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { listModels, pullModel, removeModel, type StoredModel } from "../../index.js";
import { exitCodeHelp } from "../exit_codes.js";
import { helpText } from "../output/help_text.js";
import { bytesText, ProgressBar } from "../output/progress_bar.js";
import { writeTable } from "../output/table.js";
import { note, write } from "../output/terminal.js";

const names = `
Names:
  smollm2                                the small default model
  hermes-2-pro                           Hermes 2 Pro in Q4_K_M; hermes-2-pro:q5_k_m, :q8_0, … name another quantization
  hf:owner/repository                    a repository of the Hugging Face hub: its Q4_K_M, or its only model
  hf:owner/repository:quantization       that one of it
  hf:owner/repository/file.gguf          that file of it; of a split model the first part
`;

export function addModelsCommands(program: Command, ending: AbortSignal): void {
  program
    .command("pull")
    .description("Fetches a model, or makes sure that what is there is what the hub has now. Prints its path.")
    .argument("<name>", "smollm2, hermes-2-pro[:quantization], hf:owner/repository[:quantization]")
    .option("--json", "print one JSON object: path")
    .addHelpText(
      "after",
      helpText(`${names}
A broken or cancelled download goes on from where it was when it is pulled again. Models are taken from the Hugging Face
cache where another tool has fetched them. HF_ENDPOINT names a mirror, HF_TOKEN gives access to gated models, HF_HUB_CACHE
and HF_HOME say where that cache is, CADUCEUS_CACHE where models are put.

Examples:
  caduceus pull hermes-2-pro
  caduceus pull hf:NousResearch/Hermes-3-Llama-3.2-3B-GGUF:Q4_K_M
  HF_ENDPOINT=https://hub.example.org caduceus pull hermes-2-pro:q8_0

${exitCodeHelp}`),
    )
    .action((name: string, flags: JsonFlag) => pullCommand(name, flags, ending));

  program
    .command("list")
    .alias("ls")
    .description("Lists the models on this machine, those in the Hugging Face cache included.")
    .option("--json", "print one JSON array: name, path, sizeBytes, files, quantization, source, state")
    .addHelpText(
      "after",
      helpText(`
Examples:
  caduceus list
  caduceus list --json | jq -r '.[].path'

${exitCodeHelp}`),
    )
    .action((flags: JsonFlag) => listCommand(flags));

  program
    .command("remove")
    .alias("rm")
    .description("Removes a model from Caduceus' folder, or what a broken download left of it.")
    .argument("<name|path>", "as `caduceus list` shows it")
    .option("--json", "print one JSON array of what was removed: path, sizeBytes")
    .addHelpText(
      "after",
      helpText(`
The Hugging Face cache belongs to other tools and is never changed.

Examples:
  caduceus remove hermes-2-pro:q8_0
  caduceus remove hf:owner/repository:Q4_K_M

${exitCodeHelp}`),
    )
    .action((name: string, flags: JsonFlag) => removeCommand(name, flags, ending));
}

interface JsonFlag {
  readonly json?: boolean;
}

async function pullCommand(name: string, { json }: JsonFlag, ending: AbortSignal): Promise<void> {
  const bar = new ProgressBar(name);
  let hasFetched = false;
  const pulled = await pullModel(name, {
    signal: ending,
    onProgress: (progress) => {
      hasFetched = true;
      bar.show(progress);
    },
  }).finally(() => bar.clear());
  if (!json)
    note(
      hasFetched
        ? `${name} is there and verified.`
        : /[/\\]/.test(name) && existsSync(name)
          ? `${name} is a file, so there is nothing to fetch.`
          : `${name} was there already.`,
    );
  await write(json ? `${JSON.stringify(pulled)}\n` : `${pulled.path}\n`);
}

async function listCommand({ json }: JsonFlag): Promise<void> {
  const models = await listModels();
  if (json) return write(`${JSON.stringify(models)}\n`);
  if (models.length === 0) return note("There are no models yet: caduceus pull hermes-2-pro fetches one.");
  const place = ({ source, state, files }: StoredModel) =>
    (state === "partial" ? "unfinished" : source === "huggingface" ? "Hugging Face cache" : "") +
    (files > 1 ? ` ${files} files` : "");
  const rows = models.map((model) => [
    model.name,
    bytesText(model.sizeBytes),
    model.quantization ?? "",
    place(model).trim(),
  ]);
  await write(writeTable([["NAME", "SIZE", "QUANTIZATION", ""], ...rows], [1]));
}

async function removeCommand(name: string, { json }: JsonFlag, ending: AbortSignal): Promise<void> {
  const removed = await removeModel(name, { signal: ending });
  if (json) return write(`${JSON.stringify(removed)}\n`);
  for (const { path, sizeBytes } of removed) note(`Removed ${path} (${bytesText(sizeBytes)}).`);
}
