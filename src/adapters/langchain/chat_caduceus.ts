// A model as LangChain's chat model.
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import type { BaseLanguageModelInput, StructuredOutputMethodOptions } from "@langchain/core/language_models/base";
import {
  BaseChatModel,
  type BaseChatModelCallOptions,
  type BaseChatModelParams,
  type BindToolsInput,
  type LangSmithParams,
} from "@langchain/core/language_models/chat_models";
import type { AIMessageChunk, BaseMessage } from "@langchain/core/messages";
import type { ChatGenerationChunk, ChatResult } from "@langchain/core/outputs";
import type { Runnable } from "@langchain/core/runnables";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";
import { invalidArgument } from "../../errors.js";
import type { FunctionTool, JsonSchema, Reply, ReplyOptions } from "../../index.js";
import { isObject } from "../../json_object.js";
import { eventsOf, nameOf, resultOf, type TextModel } from "../answered.js";
import { ownOptions, type OwnOptions } from "../own_options.js";
import { ChunkWriter, generationOf } from "./generations.js";
import { messagesOf } from "./messages.js";
import { pipeline, planOutput, type OutputSchema, type StructuredOutputMethod } from "./structured_output.js";

/** Options of LangChain, and those of a reply that LangChain does not decide: `temperature`, `maxTokens`, `minP` … */
export interface ChatCaduceusFields extends BaseChatModelParams, OwnOptions {
  readonly model: TextModel;
}

/** Options of a single call. */
export interface ChatCaduceusCallOptions extends BaseChatModelCallOptions {
  /** What `bindTools` takes. */
  tools?: BindToolsInput[];
  /** At most one call in a turn, if false. */
  parallel_tool_calls?: boolean;
  /** JSON, by a schema if one is given. `withStructuredOutput` sets it. */
  response_format?: { type: "json_object" } | { type: "json_schema"; json_schema: { schema: JsonSchema } };
  /** Options of this reply alone; they go before those of the constructor. */
  caduceus?: OwnOptions;
}

/** Of the base class; the others are options of replies. */
const baseNames: ReadonlySet<string> = new Set([
  "model",
  "cache",
  "callbackManager",
  "callbacks",
  "caller",
  "disableStreaming",
  "maxConcurrency",
  "maxRetries",
  "metadata",
  "name",
  "onFailedAttempt",
  "outputVersion",
  "tags",
  "verbose",
]);

/**
 * The model for chains, agents and graphs.
 *
 * ```ts
 * import { load } from "caduceus";
 * import { ChatCaduceus } from "caduceus/langchain";
 *
 * const llm = new ChatCaduceus({ model: await load("smollm2"), temperature: 0 });
 * const { text } = await llm.invoke("Why is the sky blue?");
 * ```
 *
 * The model stays yours to close.
 */
export class ChatCaduceus extends BaseChatModel<ChatCaduceusCallOptions> {
  readonly #model: TextModel;
  readonly #options: OwnOptions;

  static override lc_name(): string {
    return "ChatCaduceus";
  }

  constructor(fields: ChatCaduceusFields) {
    super(fields);
    this.#model = fields.model;
    this.#options = ownOptions(
      Object.fromEntries(Object.entries(fields).filter(([name]) => !baseNames.has(name))),
      "ChatCaduceus",
    );
  }

  /** @internal */
  override get callKeys(): string[] {
    return [...super.callKeys, "tools", "tool_choice", "parallel_tool_calls", "response_format", "caduceus"];
  }

  /** @internal */
  override _llmType(): string {
    return "caduceus";
  }

  /** @internal What cached answers depend on. */
  override _identifyingParams(): Record<string, any> {
    return { model: this.#model.info.path, ...this.#options };
  }

  /** @internal */
  override invocationParams(options?: this["ParsedCallOptions"]): Record<string, any> {
    return { model: nameOf(this.#model), ...this.#options, ...options?.caduceus };
  }

  /** @internal */
  override getLsParams(options: this["ParsedCallOptions"]): LangSmithParams {
    const { temperature, maxTokens, stop } = { ...this.#options, ...options.caduceus };
    const stops = options.stop ?? stop;
    return {
      ls_provider: "caduceus",
      ls_model_name: nameOf(this.#model),
      ls_model_type: "chat",
      ...(temperature === undefined ? {} : { ls_temperature: temperature }),
      ...(maxTokens === undefined ? {} : { ls_max_tokens: maxTokens }),
      ...(stops === undefined ? {} : { ls_stop: [stops].flat() }),
    };
  }

  override bindTools(
    tools: BindToolsInput[],
    kwargs?: Partial<ChatCaduceusCallOptions>,
  ): Runnable<BaseLanguageModelInput, AIMessageChunk, ChatCaduceusCallOptions> {
    return this.withConfig({ tools: tools.map((tool) => convertToOpenAITool(tool)), ...kwargs });
  }

  /**
   * Answers of a form, which is enforced while the model generates. `method`: `"jsonSchema"` is an answer by the
   * schema, `"functionCalling"` the arguments of a call, `"jsonMode"` any JSON object. Defaults to `"jsonSchema"`.
   */
  override withStructuredOutput<T extends Record<string, any> = Record<string, any>>(
    outputSchema: OutputSchema<T>,
    config?: StructuredOutputMethodOptions<false>,
  ): Runnable<BaseLanguageModelInput, T>;
  override withStructuredOutput<T extends Record<string, any> = Record<string, any>>(
    outputSchema: OutputSchema<T>,
    config?: StructuredOutputMethodOptions<true>,
  ): Runnable<BaseLanguageModelInput, { raw: BaseMessage; parsed: T }>;
  override withStructuredOutput(
    outputSchema: OutputSchema<any>,
    { method = "jsonSchema", name, includeRaw = false }: StructuredOutputMethodOptions<boolean> = {},
  ): Runnable<BaseLanguageModelInput, any> {
    if (!["jsonSchema", "functionCalling", "jsonMode"].includes(method))
      throw invalidArgument('"jsonSchema", "functionCalling" or "jsonMode"', "method", method);
    const plan = planOutput(outputSchema, method as StructuredOutputMethod, { name });
    const { jsonSchema } = plan;
    const bound: Partial<ChatCaduceusCallOptions> =
      method === "functionCalling"
        ? {
            tools: [{ type: "function", function: { name: plan.name, parameters: jsonSchema } }],
            tool_choice: plan.name,
            parallel_tool_calls: false,
          }
        : {
            response_format:
              method === "jsonMode"
                ? { type: "json_object" }
                : { type: "json_schema", json_schema: { schema: jsonSchema } },
          };
    // What LangSmith shows.
    const ls_structured_output_format = { kwargs: { method }, schema: jsonSchema };
    return pipeline(this.withConfig({ ...bound, ls_structured_output_format }), plan, includeRaw);
  }

  /** @internal */
  override async _generate(messages: BaseMessage[], options: this["ParsedCallOptions"]): Promise<ChatResult> {
    const result = await resultOf(this.#begin(messages, options));
    const { promptTokens, generatedTokens } = result.usage;
    return {
      generations: [generationOf(result, nameOf(this.#model))],
      llmOutput: {
        tokenUsage: {
          promptTokens,
          completionTokens: generatedTokens,
          totalTokens: promptTokens + generatedTokens,
        },
      },
    };
  }

  /** @internal */
  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const chunks = new ChunkWriter(nameOf(this.#model));
    const events = eventsOf(this.#begin(messages, options));
    try {
      for (let event = await events.next(); event !== undefined; event = await events.next()) {
        for (const chunk of chunks.of(event)) {
          yield chunk;
          await runManager?.handleLLMNewToken(chunk.text, undefined, undefined, undefined, undefined, { chunk });
        }
      }
    } finally {
      await events.leave();
    }
  }

  #begin(messages: BaseMessage[], options: this["ParsedCallOptions"]): Reply {
    const { tools, tool_choice, parallel_tool_calls, response_format, stop, signal, caduceus } = options;
    return this.#model.reply(messagesOf(messages), {
      ...this.#options,
      ...(stop === undefined ? {} : { stop }),
      ...ownOptions(caduceus, "caduceus"),
      ...(tools === undefined || tools.length === 0
        ? {}
        : {
            tools: tools.map((tool) => convertToOpenAITool(tool as never)) as readonly FunctionTool[],
            toolChoice: choiceOf(tool_choice),
            parallelToolCalls: parallel_tool_calls,
          }),
      ...(response_format === undefined
        ? {}
        : { schema: response_format.type === "json_object" ? { type: "object" } : response_format.json_schema.schema }),
      // LangChain runs the calls.
      maxRounds: 1,
      signal,
    }) as Reply;
  }
}

/** LangChain's words, OpenAI's, or the name of a tool. */
function choiceOf(choice: unknown): ReplyOptions["toolChoice"] {
  if (choice === undefined || choice === "auto" || choice === "none" || choice === "required") return choice;
  if (choice === "any") return "required";
  if (typeof choice === "string") return { name: choice };
  const name = isObject(choice) ? (isObject(choice["function"]) ? choice["function"]["name"] : choice["name"]) : choice;
  if (typeof name === "string") return { name };
  throw invalidArgument('"auto", "any", "none" or the name of a tool', "tool_choice", choice);
}
