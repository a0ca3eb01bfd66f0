// A request for a response, in the library's words.
import { ApiError } from "../api_error.js";
import type { ConversationRequest } from "../answers/requests.js";
import { describe } from "../../errors.js";
import type { Message } from "../../index.js";
import { checkFields, checkNames } from "../fields/check_fields.js";
import { readSamplingFields } from "../fields/generation_fields.js";
import { type Fields, invalid, invalidContent } from "../fields/read_fields.js";
import { efforts, reasoningOfEffort } from "../fields/reasoning_fields.js";
import { translatedFields } from "../request_fields.js";
import { messagesOf, readInput } from "./input_items.js";
import { responseFields } from "./response_fields.js";
import type { Item, ResponseStore, StoredResponse } from "./response_store.js";
import { echoChoice, echoTool, readToolChoice, readTools, type ResponseTool } from "./response_tools.js";

export interface ResponseRequest extends ConversationRequest {
  readonly input: readonly Item[];
  readonly previous: StoredResponse | undefined;
  readonly store: boolean;
  readonly logprobs: boolean;
  /** Reasoning comes as a summary. */
  readonly summarizes: boolean;
  /** By the names by which the model knows them. */
  readonly tools: ReadonlyMap<string, ResponseTool>;
  /** What the response repeats of its request. */
  readonly echo: Readonly<Record<string, unknown>>;
}

const mostMetadata = 16;
const mostIncluded = 32;

export const readResponseRequest =
  (store: ResponseStore, maxConversationBytes: number) =>
  (body: Fields, scope: string): ResponseRequest => {
    checkFields(body, responseFields);
    const previous = readPrevious(body, store, scope, maxConversationBytes);
    const input = readInput(body, (id) => store.findItem(scope, id));
    const instructions = body.text("instructions");
    const { choice, tools } = readToolChoice(body, readTools(body));
    const format = readFormat(body);
    const reasoning = body.fields("reasoning");
    const effort = reasoning?.choice("effort", efforts);
    const summary = reasoning?.choice("summary", ["auto", "concise", "detailed"]);
    const sampling = readSamplingFields(body, { maxTokens: ["max_output_tokens"], leastTokens: 1, stop: "stop" });
    const { logprobs, top } = readLogprobs(body, tools.length > 0 && choice !== "none");
    const truncation = body.choice("truncation", ["auto", "disabled"] as const);
    const earlier = previous?.conversation ?? [];
    const { messages, paths } = messagesOf([...earlier, ...input], (index) =>
      index < earlier.length
        ? "previous_response_id"
        : Array.isArray(body.value("input"))
          ? `input[${index - earlier.length}]`
          : "input",
    );
    const system: Message[] = instructions ? [{ role: "system", content: instructions }] : [];
    body.text("user");
    return {
      ...sampling,
      n: 1,
      stream: body.boolean("stream") ?? false,
      messages: [...system, ...messages],
      replyOptions: {
        ...(tools.length === 0
          ? {}
          : { tools: tools.map((tool) => ({ type: "function" as const, function: tool.function })) }),
        toolChoice: choice,
        parallelToolCalls: body.boolean("parallel_tool_calls"),
        ...(format.schema === undefined ? {} : { schema: format.schema }),
        logProbabilities: logprobs,
        topLogProbabilities: top,
        reasoning: reasoningOfEffort(effort),
        ...(truncation === "auto" ? { contextOverflow: "drop-oldest" as const } : {}),
      },
      reasoningIsWish: true,
      strict: new Set([
        ...tools.filter(({ strict }) => strict).map((tool) => tool.function.name),
        ...(format.strict ? [undefined] : []),
      ]),
      fields: translatedFields(body.names(), {
        conversation: "input",
        messages: [...system.map(() => "instructions"), ...paths],
        tools: tools.map(({ path }) => path),
        parameters: "parameters",
        constraint: "text.format.schema",
        options: { maxTokens: "max_output_tokens", reasoning: "reasoning.effort" },
      }),
      input,
      previous,
      store: body.boolean("store") ?? true,
      logprobs,
      summarizes: summary !== undefined,
      tools: new Map(tools.map((tool) => [tool.function.name, tool])),
      echo: {
        instructions: instructions ?? null,
        metadata: readMetadata(body),
        parallel_tool_calls: body.boolean("parallel_tool_calls") ?? true,
        tool_choice: typeof choice === "object" ? echoChoice(choice.name, tools) : (choice ?? "auto"),
        tools: tools.map(echoTool),
        temperature: sampling.options.temperature ?? null,
        top_p: sampling.options.topP ?? null,
        top_logprobs: top,
        max_output_tokens: sampling.options.maxTokens ?? null,
        previous_response_id: previous?.body.id ?? null,
        reasoning: { effort: effort ?? null, summary: summary ?? null },
        text: { format: format.given },
        truncation: truncation ?? "disabled",
        user: body.text("user") ?? null,
      },
    };
  };

function readPrevious(
  body: Fields,
  store: ResponseStore,
  scope: string,
  mostBytes: number,
): StoredResponse | undefined {
  const id = body.text("previous_response_id");
  if (id === undefined) return undefined;
  const param = "previous_response_id";
  const previous = store.find(scope, id);
  if (previous === undefined)
    throw new ApiError(
      400,
      "previous_response_not_found",
      `Previous response with id ${describe(id)} not found. Responses are stored for a while: send the whole conversation as input.`,
      { param },
    );
  if (previous.conversationBytes > mostBytes)
    throw new ApiError(413, "request_too_large", "The stored conversation is too large to be continued.", { param });
  return previous;
}

const anyObject = { type: "object" } as const;

interface AnswerFormat {
  readonly schema?: Record<string, unknown>;
  readonly strict: boolean;
  /** As the response repeats it. */
  readonly given: object;
}

function readFormat(body: Fields): AnswerFormat {
  const text = body.fields("text");
  const format = text?.fields("format");
  if (format === undefined) return { strict: false, given: { type: "text" } };
  const type = format.required("type", (name) => format.choice(name, ["text", "json_object", "json_schema"]));
  checkNames(format, ["type", "name", "schema", "strict", "description"]);
  if (type === "text") return { strict: false, given: { type } };
  if (type === "json_object") return { schema: anyObject, strict: false, given: { type } };
  format.required("schema", format.fields);
  const name = format.text("name") ?? "answer";
  const description = format.text("description");
  const schema = format.value("schema") as Record<string, unknown>;
  const strict = format.boolean("strict") ?? false;
  return {
    schema: { ...(description === undefined ? {} : { description }), ...schema },
    strict,
    given: { type, name, description: description ?? null, schema, strict },
  };
}

function readLogprobs(body: Fields, hasTools: boolean) {
  const include = body.list("include") ?? [];
  if (include.length > mostIncluded || !include.every((one) => typeof one === "string"))
    throw invalid("include", "an array of strings", include);
  const logprobs = include.includes("message.output_text.logprobs");
  const top = body.wholeNumber("top_logprobs", 0, 20) ?? 0;
  if (top > 0 && !logprobs)
    throw invalidContent("top_logprobs", 'no number without "message.output_text.logprobs" in include', String(top));
  if (logprobs && hasTools) throw invalidContent("include", "no log probabilities together with tools", "both");
  return { logprobs, top };
}

function readMetadata(body: Fields): Readonly<Record<string, unknown>> {
  const entries = body.entries("metadata") ?? [];
  if (entries.length > mostMetadata)
    throw invalidContent("metadata", `at most ${mostMetadata} strings`, `${entries.length} values`);
  const other = entries.find(([, value]) => typeof value !== "string");
  if (other !== undefined) throw invalid(`metadata.${other[0]}`, "a string", other[1]);
  return Object.fromEntries(entries);
}
