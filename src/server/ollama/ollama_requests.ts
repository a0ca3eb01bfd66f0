// Requests of Ollama's form, in the library's words.
import type { ConversationRequest, PromptsRequest } from "../answers/requests.js";
import type { FunctionTool, Message, ReplyOptions } from "../../index.js";
import { checkFields, checkNames } from "../fields/check_fields.js";
import type { FieldTable } from "../fields/field_table.js";
import { readSeed, readStop, type SamplingFields } from "../fields/generation_fields.js";
import { Fields, invalidContent, unsupported } from "../fields/read_fields.js";
import { readSamplers } from "../fields/sampler_fields.js";
import { translatedFields } from "../request_fields.js";
import { readKeepAlive } from "./keep_alive.js";
import { ollamaChatFields, ollamaGenerateFields } from "./ollama_fields.js";

/** What both endpoints have. */
interface OllamaRequest {
  /** `"text"` in `response`, or a message. */
  readonly form: "chat" | "generate";
  /** Nothing to answer: the client wants the model to be there. */
  readonly isEmpty: boolean;
  readonly logprobs: boolean;
  /** From now on, how long the model stays loaded without use. */
  readonly keepAliveMs: number | false | undefined;
}

export type OllamaConversation = OllamaRequest & ConversationRequest;
export type OllamaPrompts = OllamaRequest & PromptsRequest;

const mostTokens = 0x7fffffff;
const anyObject = { type: "object" } as const;

export function readChat(body: Fields): OllamaConversation {
  const common = readCommon(body, ollamaChatFields);
  const messages = (body.list("messages") ?? []).map((value, index) =>
    readMessage(new Fields(value, `messages[${index}]`)),
  );
  const tools = (body.list("tools") ?? []).map((value, index) => readTool(new Fields(value, `tools[${index}]`)));
  if (common.logprobs && tools.length > 0)
    throw unsupported("logprobs", "not together with tools, whose calls are not text.");
  return {
    ...common,
    form: "chat",
    isEmpty: messages.length === 0,
    messages,
    strict: new Set(),
    replyOptions: {
      ...common.replyOptions,
      ...(tools.length === 0 ? {} : { tools }),
      continueFinalMessage: messages.at(-1)?.role === "assistant",
      contextOverflow: body.boolean("truncate") === false ? "error" : "drop-oldest",
    },
    fields: fieldsOf(
      body,
      messages.map((_, index) => `messages[${index}]`),
      tools.length,
    ),
  };
}

export function readGenerate(body: Fields): OllamaConversation | OllamaPrompts {
  const common = readCommon(body, ollamaGenerateFields);
  const prompt = body.text("prompt") ?? "";
  const system = body.text("system") ?? "";
  const suffix = body.text("suffix") || undefined;
  const isEmpty = prompt === "" && suffix === undefined;
  const own = { ...common, form: "generate", isEmpty, strict: new Set<undefined>() } as const;
  if (body.boolean("raw") === true || suffix !== undefined) {
    const what = suffix === undefined ? "a raw prompt" : "a prompt with a suffix";
    if (system !== "") throw unsupported("system", `${what} has no messages.`);
    const { reasoning, ...options } = common.replyOptions;
    if (reasoning !== undefined && reasoning !== "off") throw unsupported("think", `${what} has no template.`);
    return { ...own, prompts: [prompt], completeOptions: { ...options, suffix }, fields: fieldsOf(body, [], 0) };
  }
  const messages: Message[] = [
    ...(system === "" ? [] : [{ role: "system", content: system } as const]),
    { role: "user", content: prompt },
  ];
  return {
    ...own,
    messages,
    fields: fieldsOf(
      body,
      messages.map(({ role }) => (role === "system" ? "system" : "prompt")),
      0,
    ),
  };
}

const fieldsOf = (body: Fields, messages: readonly string[], tools: number) =>
  translatedFields(body.names(), {
    conversation: body.value("messages") === undefined ? "prompt" : "messages",
    messages,
    tools: Array.from({ length: tools }, (_, index) => `tools[${index}]`),
    parameters: "function.parameters",
    constraint: "format",
    options: { maxTokens: "options.num_predict", stop: "options.stop", reasoning: "think" },
  });

function readCommon(body: Fields, table: FieldTable) {
  checkFields(body, table);
  const logprobs = body.boolean("logprobs") ?? false;
  const top = body.wholeNumber("top_logprobs", 0, 20) ?? 0;
  if (top > 0 && !logprobs) throw invalidContent("top_logprobs", "no number without logprobs: true", String(top));
  return {
    ...readOptions(body.fields("options") ?? new Fields({})),
    n: 1,
    stream: body.boolean("stream") ?? true,
    logprobs,
    keepAliveMs: readKeepAlive(body),
    replyOptions: {
      ...readFormat(body),
      logProbabilities: logprobs,
      topLogProbabilities: top,
      reasoning: readThink(body),
    },
  };
}

function readOptions(options: Fields): SamplingFields {
  const predict = options.wholeNumber("num_predict", -2, mostTokens) ?? 0;
  return {
    seed: readSeed(options),
    cacheSalt: "",
    lora: undefined,
    options: {
      temperature: options.number("temperature", 0, 2),
      topP: options.number("top_p", 0, 1),
      minP: options.number("min_p", 0, 1),
      topK: options.value("top_k") === -1 ? 0 : options.wholeNumber("top_k", 0, mostTokens),
      maxTokens: predict > 0 ? predict : undefined,
      stop: readStop(options, "stop"),
      repeatPenalty: options.number("repeat_penalty", 0.01, 100),
      penaltyLastN: options.wholeNumber("repeat_last_n", -1, mostTokens),
      frequencyPenalty: options.number("frequency_penalty", -2, 2),
      presencePenalty: options.number("presence_penalty", -2, 2),
      ...readSamplers(options),
    },
  };
}

function readFormat(body: Fields): { readonly schema?: Record<string, unknown> } {
  const format = body.value("format");
  if (format === undefined || format === "") return {};
  if (typeof format !== "string") {
    body.fields("format");
    return { schema: format as Record<string, unknown> };
  }
  body.choice("format", ["json"]);
  return { schema: anyObject };
}

function readThink(body: Fields): ReplyOptions["reasoning"] {
  if (typeof body.value("think") === "string")
    return { effort: body.choice("think", ["low", "medium", "high", "max"] as const) };
  const think = body.boolean("think");
  return think === undefined ? undefined : think ? "on" : "off";
}

/** As OpenAI's form has it: arguments are objects, which the library takes too, and results may name the tool. */
function readMessage(message: Fields): Message {
  const role = message.required("role", message.text).toLowerCase();
  if ((message.list("images") ?? []).length > 0)
    throw unsupported(message.path("images"), "the model only reads text.");
  const [id, name] = [message.text("tool_call_id"), message.text("tool_name")];
  const calls = (message.list("tool_calls") ?? []).map((value, index) => {
    const call = new Fields(value, `${message.path("tool_calls")}[${index}]`);
    const called = call.required("function", call.fields);
    return {
      id: call.text("id") ?? "",
      type: "function" as const,
      function: { name: called.required("name", called.text), arguments: (called.value("arguments") ?? "") as string },
    };
  });
  return {
    role,
    content: message.text("content") ?? "",
    ...(message.text("thinking") === undefined ? {} : { reasoning_content: message.text("thinking") }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    ...(id === undefined || id === "" ? {} : { tool_call_id: id }),
    ...(name === undefined || name === "" ? {} : { name }),
  } as Message;
}

function readTool(tool: Fields): FunctionTool {
  tool.choice("type", ["function"]);
  const definition = tool.required("function", tool.fields);
  checkNames(definition, ["name", "description", "parameters"]);
  const name = definition.required("name", definition.text);
  const parameters = definition.fields("parameters") && (definition.value("parameters") as Record<string, unknown>);
  return { type: "function", function: { name, description: definition.text("description"), parameters } };
}
