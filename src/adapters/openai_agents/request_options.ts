// What a request of the Agents SDK says besides its input, as options of a reply.
import type { ModelRequest } from "@openai/agents";
import { CaduceusError, mismatch } from "../../errors.js";
import type { FunctionTool, JsonSchema, ReplyOptions } from "../../index.js";
import type { TextModel } from "../answered.js";
import { ownOptions } from "../own_options.js";
import { reasoningOf } from "../reasoning.js";

/** Nothing is stored here that a request could refer to. */
const stored = ["previousResponseId", "conversationId", "prompt"] as const;

export function optionsOf(request: ModelRequest, { capabilities }: Pick<TextModel, "capabilities">): ReplyOptions {
  const reference = stored.find((name) => request[name] !== undefined);
  if (reference !== undefined)
    throw new CaduceusError("INVALID_ARGUMENT", `${reference} cannot be used: this model stores nothing.`, {
      param: reference,
      remedy: "Pass the history of the result, or a session.",
    });
  const { modelSettings: settings, outputType, signal } = request;
  const tools = [...request.tools.map(toolOf), ...request.handoffs.map(handoffOf)];
  const given: ReplyOptions = {
    temperature: settings.temperature,
    topP: settings.topP,
    frequencyPenalty: settings.frequencyPenalty,
    presencePenalty: settings.presencePenalty,
    maxTokens: settings.maxTokens,
    contextOverflow: settings.truncation === "auto" ? "drop-oldest" : undefined,
    reasoning: reasoningOf(settings.reasoning?.effort ?? undefined, capabilities),
    ...ownOptions(settings.providerData, "modelSettings.providerData"),
  };
  return {
    // What an agent does not say leaves the model's own options as they are.
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(tools.length === 0
      ? {}
      : { tools, toolChoice: choiceOf(settings.toolChoice), parallelToolCalls: settings.parallelToolCalls }),
    ...(outputType === "text" ? {} : { schema: outputType.schema as unknown as JsonSchema }),
    // The SDK runs the calls.
    maxRounds: 1,
    signal,
  };
}

function toolOf(tool: ModelRequest["tools"][number], index: number): FunctionTool {
  if (tool.type !== "function")
    throw mismatch("INVALID_TOOL", {
      expected: "a function, since nobody else would run it",
      place: `tools[${index}]`,
      received: `a tool of the type ${tool.type}`,
    });
  const { name, description, parameters } = tool;
  return { type: "function", function: { name, description, parameters: parameters as unknown as JsonSchema } };
}

function handoffOf({
  toolName: name,
  toolDescription: description,
  inputJsonSchema,
}: ModelRequest["handoffs"][number]) {
  const parameters = Object.keys(inputJsonSchema).length === 0 ? undefined : (inputJsonSchema as unknown as JsonSchema);
  return { type: "function" as const, function: { name, description, parameters } };
}

const words: Readonly<Record<string, "auto" | "none" | "required">> = {
  auto: "auto",
  none: "none",
  required: "required",
};

/** One of the words, or the name of a tool. */
function choiceOf(choice: string | undefined): ReplyOptions["toolChoice"] {
  return choice === undefined ? undefined : Object.hasOwn(words, choice) ? words[choice] : { name: choice };
}
