// The settings of one call as options of a reply, and warnings for those without effect.
import type { FunctionTool, ReplyOptions } from "../../index.js";
import type { TextModel } from "../answered.js";
import { ownOptions, type OwnOptions } from "../own_options.js";
import { reasoningOf } from "../reasoning.js";
import type { CallOptions, Warning } from "./sdk_types.js";

/**
 * What stands under `providerOptions: { caduceus: … }`: options of a reply that the AI SDK has no setting for, such as
 * `minP`, `cacheScope`, `priority`, `reasoning`, `regex` and `contextOverflow`.
 */
export type CaduceusProviderOptions = OwnOptions;

export interface Call {
  readonly options: ReplyOptions;
  readonly warnings: Warning[];
  /** Names of tools whose schemas are to be kept to the last keyword. */
  readonly strict: ReadonlySet<string>;
}

/** `ai` 7 passes an effort, `ai` 6 does not. */
type Given = CallOptions & { readonly reasoning?: string | undefined };

export function readCall(given: Given, { capabilities }: Pick<TextModel, "capabilities">): Call {
  const warnings: Warning[] = [];
  const { tools, strict } = readTools(given.tools ?? [], warnings);
  const format = given.responseFormat;
  const isJson = format?.type === "json";
  if (isJson && given.stopSequences !== undefined && given.stopSequences.length > 0)
    warnings.push({
      type: "unsupported",
      feature: "stopSequences",
      details: "They do not apply to JSON, which ends by itself.",
    });
  const options = {
    maxTokens: given.maxOutputTokens,
    temperature: given.temperature,
    topP: given.topP,
    topK: given.topK,
    presencePenalty: given.presencePenalty,
    frequencyPenalty: given.frequencyPenalty,
    stop: given.stopSequences,
    seed: given.seed,
    ...(tools.length === 0 ? {} : { tools, toolChoice: choiceOf(given.toolChoice) }),
    ...(isJson ? { schema: schemaOf(format) } : {}),
    reasoning: readReasoning(given.reasoning, capabilities, warnings),
    ...ownOptions(given.providerOptions?.["caduceus"], "providerOptions.caduceus"),
    // The SDK runs the calls.
    maxRounds: 1,
    signal: given.abortSignal,
  };
  return { options, warnings, strict };
}

function readTools(given: NonNullable<CallOptions["tools"]>, warnings: Warning[]) {
  const tools: FunctionTool[] = [];
  const strict = new Set<string>();
  for (const tool of given) {
    if (tool.type !== "function") {
      warnings.push({
        type: "unsupported",
        feature: `tool ${tool.name}`,
        details: "Only function tools can be used: nobody else would run it.",
      });
      continue;
    }
    const { name, description, inputSchema: parameters } = tool;
    if (tool.inputExamples !== undefined)
      warnings.push({
        type: "unsupported",
        feature: `inputExamples of tool ${name}`,
        details: "The model is not shown them. Write them into the description.",
      });
    if (tool.strict === true) strict.add(name);
    tools.push({ type: "function", function: { name, description, parameters: { ...parameters } } });
  }
  return { tools, strict };
}

function choiceOf(choice: CallOptions["toolChoice"]): ReplyOptions["toolChoice"] {
  return choice?.type === "tool" ? { name: choice.toolName } : choice?.type;
}

/** Without a schema any object will do, as in OpenAI's mode of JSON. */
function schemaOf({ schema = {}, description }: Extract<CallOptions["responseFormat"], { type: "json" }>) {
  const told = description === undefined ? {} : { description };
  return Object.keys(schema).length === 0 ? { type: "object", ...told } : { ...told, ...schema };
}

function readReasoning(
  effort: string | undefined,
  capabilities: TextModel["capabilities"],
  warnings: Warning[],
): ReplyOptions["reasoning"] {
  const wanted = effort === "provider-default" ? undefined : effort;
  if (wanted !== undefined && wanted !== "none" && !capabilities.reasoningEffort) {
    const details = capabilities.reasoning ? "The model thinks, but takes no effort." : "The model does not think.";
    warnings.push({ type: "unsupported", feature: `reasoning: ${wanted}`, details });
  }
  return reasoningOf(wanted, capabilities);
}
