// Results and events of a reply as LangChain's generations.
import { AIMessage, AIMessageChunk, type AIMessageFields, type UsageMetadata } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatGeneration } from "@langchain/core/outputs";
import type { ReplyEvent, ReplyResult } from "../../index.js";

export function generationOf(result: ReplyResult, model: string): ChatGeneration {
  const { message, toolCalls, reasoning } = result;
  const text = message.content as string;
  return {
    text,
    message: new AIMessage({
      content: text,
      tool_calls: toolCalls.map(({ id, name, argumentsText }) => ({
        id,
        name,
        // Integers beyond 2^53 become numbers, as in every other model's calls.
        args: JSON.parse(argumentsText) as Record<string, unknown>,
        type: "tool_call",
      })),
      invalid_tool_calls: brokenCalls(result),
      additional_kwargs: reasoning === undefined ? {} : { reasoning_content: reasoning },
      ...endOf(result, model),
    } as object as AIMessageFields),
  };
}

function brokenCalls({ malformed = [], incompleteCall }: ReplyResult) {
  const type = "invalid_tool_call" as const;
  return [
    ...malformed.map((args) => ({ type, args, error: "The call cannot be read." })),
    ...(incompleteCall === undefined
      ? []
      : [
          {
            type,
            id: incompleteCall.id,
            name: incompleteCall.name,
            args: incompleteCall.argumentsText,
            error: "The token limit cut the call off.",
          },
        ]),
  ];
}

function endOf({ usage, timings, finishReason, toolCalls, logProbabilities }: ReplyResult, model: string) {
  const usage_metadata: UsageMetadata = {
    input_tokens: usage.promptTokens,
    output_tokens: usage.generatedTokens,
    total_tokens: usage.promptTokens + usage.generatedTokens,
    input_token_details: { cache_read: usage.cachedTokens },
  };
  return {
    usage_metadata,
    response_metadata: {
      model,
      model_provider: "caduceus",
      finish_reason: finishReason !== "tool-calls" ? finishReason : toolCalls.length > 0 ? "tool_calls" : "stop",
      timings: { ...timings },
      ...(logProbabilities === undefined ? {} : { logprobs: logProbabilities }),
    },
  };
}

/** The chunks of one reply. */
export class ChunkWriter {
  readonly #model: string;
  /** Of each call: its place, and how many characters of its arguments have been told. */
  readonly #calls = new Map<string, { readonly index: number; told: number }>();

  constructor(model: string) {
    this.#model = model;
  }

  *of(event: ReplyEvent): Generator<ChatGenerationChunk, void, undefined> {
    switch (event.type) {
      case "text":
        if (event.text !== "") yield chunk({ content: event.text });
        return;
      case "reasoning":
        if (event.text !== "") yield chunk({ content: "", additional_kwargs: { reasoning_content: event.text } });
        return;
      case "tool-call-start":
        return yield* this.#begin(event.id, event.name);
      case "tool-call-delta":
        return yield* this.#more(event.id, event.textDelta);
      case "tool-call":
        yield* this.#begin(event.id, event.name);
        // A model that nothing constrains may begin its arguments again.
        return yield* this.#more(event.id, event.argumentsText.slice(this.#calls.get(event.id)?.told));
      case "finish":
        yield chunk({ content: "", ...endOf(event, this.#model) });
    }
  }

  *#begin(id: string, name: string) {
    if (this.#calls.has(id)) return;
    const index = this.#calls.size;
    this.#calls.set(id, { index, told: 0 });
    yield chunk({ content: "", tool_call_chunks: [{ id, name, args: "", index, type: "tool_call_chunk" }] });
  }

  *#more(id: string, args: string) {
    const call = this.#calls.get(id);
    if (call === undefined || args === "") return;
    call.told += args.length;
    yield chunk({ content: "", tool_call_chunks: [{ args, index: call.index, type: "tool_call_chunk" }] });
  }
}

/** Its declarations give usage to messages of one structure only. */
function chunk(fields: { readonly content: string } & Readonly<Record<string, unknown>>) {
  return new ChatGenerationChunk({
    text: fields.content,
    message: new AIMessageChunk(fields as object as AIMessageFields),
  });
}
