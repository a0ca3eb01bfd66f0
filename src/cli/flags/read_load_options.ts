// The options of loading, with the adapters, and the chat template that a file or the flag itself holds.
import { UsageError } from "../exit_codes.js";
import type { LoadOptions } from "../../index.js";
import { readUserText } from "../output/user_text.js";
import { loadOptions, type ModelFlags } from "./model_flags.js";

/** What the flags ask of loading, the template included, which may stand in a file. */
export async function readLoadOptions(
  flags: Omit<ModelFlags, "model">,
  signal?: AbortSignal | undefined,
): Promise<LoadOptions> {
  return {
    ...loadOptions(flags),
    adapters: [...(flags.lora ?? []), ...(flags.loraScaled ?? [])],
    chatTemplate: await readChatTemplate(flags, signal),
  };
}

/** Undefined: the model's own. */
export async function readChatTemplate(
  { chatTemplate, chatTemplateFile }: Omit<ModelFlags, "model">,
  signal?: AbortSignal | undefined,
): Promise<string | undefined> {
  if (chatTemplate !== undefined && chatTemplateFile !== undefined)
    throw new UsageError("Expected one of --chat-template and --chat-template-file.");
  const file = chatTemplateFile ?? chatTemplate;
  if (file === undefined || (chatTemplateFile === undefined && /\{[{%]/.test(file))) return file;
  return readUserText(file, { signal, strict: true });
}
