// The flags that every command with a model has, named as llama.cpp's people know them, and what they mean to the
// library.
import { statSync } from "node:fs";
import path from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AdapterOptions, LoadOptions, ReplyOptions } from "../../index.js";
import { numberOf, readNumber } from "../flag_values.js";
import { expandHome } from "../../system/home_folder.js";
import { addSamplerFlags, samplerOptions } from "./sampler_flags.js";
import { addUpstreamFlags, type UpstreamFlags } from "./upstream_flags.js";

export interface ModelFlags extends UpstreamFlags {
  readonly model: string;
  readonly system?: string;
  readonly maxTokens?: number;
  readonly temp?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repeatPenalty?: number;
  readonly seed?: number;
  readonly stop?: string[];
  readonly reasoning?: ReplyOptions["reasoning"];
  readonly ctxSize?: number;
  readonly kvType?: "f16" | "q8_0";
  readonly threads?: number;
  readonly gpuLayers?: number | "auto";
  readonly format?: LoadOptions["format"];
  readonly promptVariant?: LoadOptions["promptVariant"];
  /** A path, or a template. */
  readonly chatTemplate?: string;
  readonly chatTemplateFile?: string;
  readonly draftModel?: string;
  readonly modelDraft?: string;
  readonly lora?: readonly AdapterOptions[];
  readonly loraScaled?: readonly AdapterOptions[];
}

export function addModelFlags(command: Command, defaults: { readonly system?: string } = {}): Command {
  addModelFlag(command)
    .option("-s, --system <text>", "system message: how the model is to behave", defaults.system)
    .option("-n, --max-tokens <count>", "longest answer (default: what the context has left)", readNumber)
    .option(
      "--temp <number>",
      "temperature, 0 is always the likeliest token (default: the model's, else 0.8)",
      readNumber,
    )
    .option("--top-k <count>", "keep this many candidates, 0 keeps all (default: the model's, else 40)", readNumber)
    .option(
      "--top-p <share>",
      "keep the likeliest candidates up to this share (default: the model's, else 0.95)",
      readNumber,
    )
    .option(
      "--min-p <share>",
      "drop candidates below this share of the likeliest (default: the model's, else 0.05)",
      readNumber,
    )
    .option(
      "--repeat-penalty <factor>",
      "make repetition less likely, 1 is off (default: the model's, else 1)",
      readNumber,
    )
    .option("--seed <number>", "same seed, same answer (default: a new one each time)", readNumber)
    .option(
      "--stop <text>",
      "end the answer before this text; may be given several times",
      (text: string, earlier: string[] = []) => [...earlier, text],
    )
    .option(
      "--reasoning <how>",
      "think before the answer: on, off, at most so many tokens, or an effort: low, medium, high (default: as the model's template has it)",
      (text: string) => (/^\d+$/.test(text) ? { maxTokens: Number(text) } : isEffort(text) ? { effort: text } : text),
    );
  return addSamplerFlags(addUpstreamFlags(addLoadFlags(command)));
}

const isEffort = (text: string) => /^(minimal|low|medium|high|xhigh|max)$/.test(text);

export function addModelFlag(command: Command): Command {
  return command.option(
    "-m, --model <name|path>",
    "smollm2, hermes-2-pro[:quantization], hf:owner/repository[:quantization], or a path to a GGUF file",
    "smollm2",
  );
}

export function addLoadFlags(command: Command): Command {
  return addDraftModelFlag(addMemoryFlags(command))
    .addOption(threadsFlag())
    .option("--format <name>", "prompt format: auto, hermes or template (default: auto)")
    .option("--prompt-variant <name>", "wording with tools: card, tool-use or hermes3 (default: the model's own)")
    .option(
      "--chat-template <path>",
      "file with a Jinja template in the place of the model's own; a text with {{ or {% is the template itself",
    )
    .option("--chat-template-file <path>", "the same, always a file")
    .addOption(
      new Option("--lora <path>", "adapter (LoRA) of the model; may be given several times").argParser(
        (file: string, earlier: readonly AdapterOptions[] = []) => [...earlier, { path: expandHome(file) }],
      ),
    )
    .addOption(
      new Option("--lora-scaled <path:scale>", "the same, with its scale").argParser(
        (text: string, earlier: readonly AdapterOptions[] = []) => [...earlier, readScaled(text)],
      ),
    );
}

function readScaled(text: string): AdapterOptions {
  const [, file, scale] = /^(.+):([^:]+)$/s.exec(text) ?? [];
  if (file === undefined || scale === undefined)
    throw new InvalidArgumentError("Expected the path of an adapter, a colon and its scale.");
  return { path: expandHome(file), scale: numberOf(scale, "Expected a number behind the last colon.") };
}

/** Those that a model's memory depends on. */
export function addMemoryFlags(command: Command): Command {
  return command
    .option("-c, --ctx-size <tokens>", "size of the conversation (default: the model's, at most 8192)", readNumber)
    .addOption(kvTypeFlag())
    .addOption(gpuLayersFlag());
}

export const threadsFlag = (help = "threads that compute (default: physical cores)") =>
  new Option("-t, --threads <count>", help).argParser(readNumber);
export const kvTypeFlag = () =>
  new Option("--kv-type <type>", "f16, or q8_0 for half the memory of the cache (default: f16)");
const draftModelFlag = () =>
  new Option("--draft-model <name>", "small model that drafts for this one while that is faster");
/** Under llama.cpp's name too. */
export const addDraftModelFlag = (command: Command) =>
  command.addOption(draftModelFlag()).addOption(new Option("--model-draft <name>", "the same").hideHelp());
export const gpuLayersFlag = () =>
  new Option(
    "--gpu-layers <count|auto>",
    "layers on GPUs, where there are some (default: auto, as many as fit)",
  ).argParser((text: string) => (text === "auto" ? text : numberOf(text, "Expected a number or the word auto.")));

/** All but what stands in files. */
export function loadOptions(flags: Omit<ModelFlags, "model">): LoadOptions {
  return {
    contextSize: flags.ctxSize,
    kvType: flags.kvType,
    threads: flags.threads,
    gpuLayers: flags.gpuLayers,
    draftModel: flags.draftModel ?? flags.modelDraft,
    format: flags.format,
    promptVariant: flags.promptVariant,
  };
}

export function replyOptions(flags: ModelFlags): Omit<ReplyOptions, "signal"> {
  return {
    maxTokens: flags.maxTokens,
    temperature: flags.temp,
    topK: flags.topK,
    topP: flags.topP,
    minP: flags.minP,
    repeatPenalty: flags.repeatPenalty,
    seed: flags.seed,
    stop: flags.stop,
    reasoning: flags.reasoning,
    ...samplerOptions(flags),
  };
}

/** How results that are kept name the model: a file by its name and size, wherever it lies. */
export function modelIdentity(model: string): string {
  const size = statSync(expandHome(model), { throwIfNoEntry: false })?.size;
  return size === undefined ? model : `${path.basename(model)}, ${size} bytes`;
}

/** The same of the adapters, with their scales; undefined without any. */
export function adapterIdentity({ lora = [], loraScaled = [] }: Pick<ModelFlags, "lora" | "loraScaled">) {
  const all = [...lora, ...loraScaled].map(({ path: file, scale = 1 }) => `${modelIdentity(file)} × ${scale}`);
  return all.length === 0 ? undefined : all.join("; ");
}
