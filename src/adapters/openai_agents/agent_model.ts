// A model as the Agents SDK's.
import { Usage, type Model as AgentModel, type ModelRequest, type ModelResponse } from "@openai/agents";
import type { Reply, ReplyResult } from "../../index.js";
import { eventsOf, nameOf, resultOf, type TextModel } from "../answered.js";
import { ownOptions, type OwnOptions } from "../own_options.js";
import { messagesOf } from "./input_items.js";
import { optionsOf } from "./request_options.js";
import { ModelTrace } from "./model_trace.js";

/** Options of every reply. What the settings of an agent say goes before them. */
export type CaduceusModelOptions = OwnOptions;

/**
 * The model for agents, which then run in this process with all that they hand off to.
 *
 * ```ts
 * import { Agent, run } from "@openai/agents";
 * import { load } from "caduceus";
 * import { caduceusModel } from "caduceus/openai-agents";
 *
 * const model = await load("smollm2");
 * const agent = new Agent({ name: "Helper", model: caduceusModel(model) });
 * const { finalOutput } = await run(agent, "Why is the sky blue?");
 * ```
 *
 * Further options of a single agent stand in its `modelSettings.providerData`. The model stays yours to close.
 */
export function caduceusModel(model: TextModel, options: CaduceusModelOptions = {}): AgentModel {
  const defaults = ownOptions(options, "caduceusModel");
  const name = nameOf(model);
  const begin = (request: ModelRequest): Reply =>
    model.reply(messagesOf(request.systemInstructions, request.input), {
      ...defaults,
      ...optionsOf(request, model),
    }) as Reply;
  return {
    async getResponse(request) {
      const trace = new ModelTrace(request, name);
      try {
        const reply = begin(request);
        const response = responseOf(await resultOf(reply), reply.id);
        trace.finish(response);
        return response;
      } catch (error) {
        trace.fail(error);
        throw error;
      } finally {
        trace.end();
      }
    },
    async *getStreamedResponse(request) {
      const trace = new ModelTrace(request, name);
      try {
        const reply = begin(request);
        const events = eventsOf(reply);
        try {
          yield { type: "response_started" };
          for (let event = await events.next(); event !== undefined; event = await events.next()) {
            if (event.type === "finish") {
              const response = responseOf(event, reply.id);
              trace.finish(response);
              const { inputTokens, outputTokens, totalTokens, inputTokensDetails } = response.usage;
              const usage = { requests: 1, inputTokens, outputTokens, totalTokens, inputTokensDetails };
              yield { type: "response_done", response: { id: reply.id, usage, output: response.output } };
            } else if (event.type !== "text") yield { type: "model", event };
            else if (event.text !== "") yield { type: "output_text_delta", delta: event.text };
          }
        } finally {
          await events.leave();
        }
      } catch (error) {
        trace.fail(error);
        throw error;
      } finally {
        trace.end();
      }
    },
  };
}

type StreamEvent = ReturnType<AgentModel["getStreamedResponse"]> extends AsyncIterable<infer Event> ? Event : never;
type Output = Extract<StreamEvent, { type: "response_done" }>["response"]["output"];
type Response = ModelResponse & { readonly output: Output };

/** A call that the token limit cut off is not made. */
function responseOf({ reasoning = "", message, toolCalls, finishReason, usage }: ReplyResult, id: string): Response {
  const text = message.content as string;
  const output: Output = [];
  if (reasoning !== "")
    output.push({ type: "reasoning", content: [], rawContent: [{ type: "reasoning_text", text: reasoning }] });
  if (text !== "" || toolCalls.length === 0)
    output.push({
      type: "message",
      id,
      role: "assistant",
      status: finishReason === "length" ? "incomplete" : "completed",
      content: [{ type: "output_text", text }],
    });
  for (const call of toolCalls)
    output.push({
      type: "function_call",
      callId: call.id,
      name: call.name,
      arguments: call.argumentsText,
      status: "completed",
    });
  return {
    output,
    responseId: id,
    usage: new Usage({
      requests: 1,
      inputTokens: usage.promptTokens,
      outputTokens: usage.generatedTokens,
      totalTokens: usage.promptTokens + usage.generatedTokens,
      inputTokensDetails: { cached_tokens: usage.cachedTokens },
    }),
  };
}
