// A request for a message, in the library's words.
import type { ConversationRequest } from "../answers/requests.js";
import { describe } from "../../errors.js";
import type { FunctionTool, Message, ReplyOptions } from "../../index.js";
import { checkFields, checkNames } from "../fields/check_fields.js";
import { readSamplingFields } from "../fields/generation_fields.js";
import { Fields, invalidContent, unsupported } from "../fields/read_fields.js";
import { translatedFields } from "../request_fields.js";
import { readMessages, readSystem } from "./content_blocks.js";
import { messageFields } from "./message_fields.js";

export function readMessageRequest(body: Fields): ConversationRequest {
  checkFields(body, messageFields);
  const system = readSystem(body);
  const { messages, paths } = readMessages(body);
  const tools = (body.list("tools") ?? []).map((value, index) => readTool(new Fields(value, `tools[${index}]`)));
  const { choice, isAlone } = readToolChoice(body, tools.length > 0);
  const schema = readFormat(body);
  const first: Message[] = system ? [{ role: "system", content: system }] : [];
  return {
    ...readSamplingFields(body, { maxTokens: ["max_tokens"], leastTokens: 1, stop: "stop_sequences" }),
    n: 1,
    stream: body.boolean("stream") ?? false,
    messages: [...first, ...messages],
    replyOptions: {
      ...(tools.length === 0 ? {} : { tools: tools.map(({ tool }) => tool) }),
      toolChoice: choice,
      parallelToolCalls: isAlone ? false : undefined,
      ...(schema === undefined ? {} : { schema }),
      reasoning: readThinking(body),
      continueFinalMessage: messages.at(-1)?.role === "assistant",
    },
    reasoningIsWish: true,
    strict: new Set(tools.filter(({ strict }) => strict).map(({ tool }) => tool.function.name)),
    fields: translatedFields(body.names(), {
      conversation: "messages",
      messages: [...first.map(() => "system"), ...paths],
      tools: tools.map((_, index) => `tools[${index}]`),
      parameters: "input_schema",
      constraint: body.value("output_format") === undefined ? "output_config.format.schema" : "output_format.schema",
      options: { stop: "stop_sequences", reasoning: "thinking" },
    }),
  };
}

function readTool(tool: Fields): { readonly tool: FunctionTool; readonly strict: boolean } {
  const type = tool.text("type") ?? "custom";
  if (type !== "custom")
    throw unsupported(
      tool.path("type"),
      `the server has no tool of the type ${describe(type)}; give its input_schema.`,
    );
  checkNames(tool, ["type", "name", "description", "input_schema", "strict", "cache_control"]);
  tool.required("input_schema", tool.fields);
  const parameters = tool.value("input_schema") as Record<string, unknown>;
  const [name, description] = [tool.required("name", tool.text), tool.text("description")];
  return {
    tool: { type: "function", function: { name, description, parameters } },
    strict: tool.boolean("strict") ?? false,
  };
}

function readToolChoice(
  body: Fields,
  hasTools: boolean,
): { readonly choice: ReplyOptions["toolChoice"]; readonly isAlone: boolean } {
  const choice = body.fields("tool_choice");
  if (choice === undefined) return { choice: undefined, isAlone: false };
  const type = choice.required("type", (name) => choice.choice(name, ["auto", "any", "tool", "none"] as const));
  const isAlone = choice.boolean("disable_parallel_tool_use") ?? false;
  if (type === "any" && !hasTools)
    throw invalidContent(choice.path("type"), '"auto" or "none" without tools', describe(type));
  if (type === "tool") return { choice: { name: choice.required("name", choice.text) }, isAlone };
  return { choice: type === "any" ? "required" : type, isAlone };
}

function readThinking(body: Fields): ReplyOptions["reasoning"] {
  const thinking = body.fields("thinking");
  const type = thinking?.required("type", (name) =>
    thinking.choice(name, ["enabled", "disabled", "adaptive"] as const),
  );
  if (thinking === undefined || type === "adaptive") return undefined;
  if (type === "disabled") return "off";
  const budget = thinking.wholeNumber("budget_tokens", 1, 0x7fffffff);
  return budget === undefined ? "on" : { maxTokens: budget };
}

function readFormat(body: Fields): Record<string, unknown> | undefined {
  const config = body.fields("output_config");
  const given = [config?.fields("format"), body.fields("output_format")].filter((one) => one !== undefined);
  if (given.length > 1) throw invalidContent("output_format", "one of output_config.format and output_format", "both");
  const [format] = given;
  if (format === undefined) return undefined;
  format.required("type", (name) => format.choice(name, ["json_schema"]));
  format.required("schema", format.fields);
  return format.value("schema") as Record<string, unknown>;
}
