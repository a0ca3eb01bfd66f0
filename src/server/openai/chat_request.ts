// A request for a chat completion, in the library's words.
import { describe, invalidValue } from "../../errors.js";
import type { Message, ReplyOptions, FunctionTool } from "../../index.js";
import { ApiError } from "../api_error.js";
import type { ConversationRequest } from "../answers/requests.js";
import { checkFields, checkNames } from "../fields/check_fields.js";
import { fieldsOf } from "./openai_fields.js";
import { readConstraint } from "../fields/constraint_fields.js";
import { Fields, invalid, unsupported } from "../fields/read_fields.js";
import { readGenerationFields, type GenerationFields } from "../fields/generation_fields.js";
import { readReasoning } from "../fields/reasoning_fields.js";
import { requestFields } from "../request_fields.js";

export interface ChatRequest extends ConversationRequest, GenerationFields {
  readonly logprobs: boolean;
}

export function readChatRequest(body: Fields): ChatRequest {
  checkFields(body, fieldsOf.chat);
  const generation = readGenerationFields(body, 1);
  const { choice, allowed } = readToolChoice(body);
  const tools = onlyAllowed((body.list("tools") ?? []).map(readTool), allowed);
  const constraint = readConstraint(body);
  const hasTools = tools.length > 0 && choice !== "none";
  if (hasTools && constraint !== undefined && constraint.options.schema === undefined)
    throw unsupported(constraint.param, "not together with tools.");
  const { logprobs, top } = readLogprobs(body, hasTools);
  return {
    ...generation,
    messages: body.required("messages", body.list).map(readMessage) as readonly Message[],
    logprobs,
    replyOptions: {
      ...(tools.length === 0 ? {} : { tools: tools.map(({ tool }) => tool) }),
      toolChoice: choice,
      parallelToolCalls: body.boolean("parallel_tool_calls"),
      ...constraint?.options,
      logProbabilities: logprobs,
      topLogProbabilities: top,
      reasoning: readReasoning(body),
      continueFinalMessage: readContinuation(body),
    },
    strict: new Set([
      ...tools.filter(({ strict }) => strict).map(({ tool }) => tool.function.name),
      ...(constraint?.strict ? [undefined] : []),
    ]),
    fields: requestFields(
      body.names(),
      constraint?.param,
      tools.map(({ index }) => index),
    ),
  };
}

/** The library checks messages; here is only what OpenAI calls otherwise. */
function readMessage(value: unknown, index: number): unknown {
  const message = new Fields(value, `messages[${index}]`);
  const role = message.required("role", message.text);
  if (role === "function") throw unsupported(message.path("role"), 'use tools, and messages of the role "tool".');
  if (message.value("function_call") !== undefined) throw unsupported(message.path("function_call"), "use tool_calls.");
  return value;
}

function readTool(
  value: unknown,
  index: number,
): { readonly index: number; readonly tool: FunctionTool; readonly strict: boolean } {
  const tool = new Fields(value, `tools[${index}]`);
  tool.required("type", (name) => tool.choice(name, ["function"]));
  const definition = tool.required("function", tool.fields);
  checkNames(tool, ["type", "function"]);
  checkNames(definition, ["name", "description", "parameters", "strict"]);
  const name = definition.required("name", definition.text);
  const parameters = definition.fields("parameters") && (definition.value("parameters") as Record<string, unknown>);
  return {
    index,
    tool: { type: "function", function: { name, description: definition.text("description"), parameters } },
    strict: definition.boolean("strict") ?? false,
  };
}

interface ToolChoice {
  readonly choice: ReplyOptions["toolChoice"];
  /** Names of the tools that may be called; undefined: all. */
  readonly allowed?: readonly string[];
}

function readToolChoice(body: Fields): ToolChoice {
  const value = body.value("tool_choice");
  if (value === undefined || typeof value === "string")
    return { choice: body.choice("tool_choice", ["auto", "none", "required"] as const) };
  const choice = new Fields(value, "tool_choice");
  const type = choice.required("type", (name) => choice.choice(name, ["function", "allowed_tools"]));
  if (type === "function") return { choice: { name: nameOf(choice) } };
  const { mode, tools } = choice.required("allowed_tools", (name) => {
    const given = choice.fields(name);
    return (
      given && {
        mode: given.required("mode", (field) => given.choice(field, ["auto", "required"])),
        tools: given.required("tools", given.list),
      }
    );
  });
  return {
    choice: mode,
    allowed: tools.map((tool, index) => nameOf(new Fields(tool, `tool_choice.allowed_tools.tools[${index}]`))),
  };
}

function nameOf(tool: Fields): string {
  tool.required("type", (name) => tool.choice(name, ["function"]));
  const definition = tool.required("function", tool.fields);
  return definition.required("name", definition.text);
}

/** Tools that may not be called are not shown either: a model that is told of a tool begins calls of it. */
function onlyAllowed<T extends { readonly tool: FunctionTool }>(
  tools: readonly T[],
  allowed: readonly string[] | undefined,
): readonly T[] {
  if (allowed === undefined) return tools;
  const [given, wanted] = [new Set(tools.map(({ tool }) => tool.function.name)), new Set(allowed)];
  const stranger = allowed.find((name) => !given.has(name));
  if (stranger !== undefined || allowed.length === 0) {
    const received = stranger === undefined ? "an empty list" : describe(stranger);
    const place = "tool_choice.allowed_tools.tools";
    throw new ApiError(
      400,
      "invalid_value",
      invalidValue({ expected: "names of the request's tools", place, received }),
      { param: "tool_choice" },
    );
  }
  return tools.filter(({ tool }) => wanted.has(tool.function.name));
}

function readLogprobs(body: Fields, hasTools: boolean): { readonly logprobs: boolean; readonly top: number } {
  const value = body.value("logprobs");
  if (typeof value === "number") throw invalid("logprobs", "true or false", value);
  const logprobs = body.boolean("logprobs") ?? false;
  const top = body.wholeNumber("top_logprobs", 0, 20) ?? 0;
  if (body.value("top_logprobs") !== undefined && !logprobs)
    throw new ApiError(400, "invalid_value", "top_logprobs needs logprobs: true.", {
      param: "top_logprobs",
    });
  if (logprobs && hasTools) throw unsupported("logprobs", "not together with tools, whose calls are not text.");
  return { logprobs, top };
}

/** In vLLM the two fields go together: a prompt ends with the beginning of a turn, or inside its last one. */
function readContinuation(body: Fields): boolean {
  const continues = body.boolean("continue_final_message") ?? false;
  const begins = body.boolean("add_generation_prompt") ?? !continues;
  if (continues === begins)
    throw unsupported(
      "add_generation_prompt",
      continues ? "continue_final_message needs false." : "false needs continue_final_message: true.",
    );
  return continues;
}
