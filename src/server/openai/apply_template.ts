// POST /apply-template: the prompt of a chat completion. Nothing is generated.
import { ApiError, inContext, tooLong } from "../api_error.js";
import type { ChatRequest } from "./chat_request.js";
import type { Served, Service } from "../service.js";
import { turnsOf } from "../turns.js";

export async function applyTemplate(
  { model: name, messages, options, replyOptions }: ChatRequest & Served,
  { model, requestContext, cacheScope }: Service,
): Promise<object> {
  const given = await model.readAhead({ ...options, ...replyOptions }, turnsOf(requestContext.signal));
  const { format, reason, prompts, unenforced } = await model
    .explain(messages, { ...given, cacheScope, signal: requestContext.signal })
    .catch((error: unknown) => {
      throw inContext(error, model.info.contextSize);
    });
  const { text, tokens, constraint } = prompts[0]!;
  const { contextSize } = model.info;
  if (tokens.length >= contextSize) {
    throw new ApiError(
      400,
      "context_length_exceeded",
      tooLong(contextSize, `The prompt has ${tokens.length} tokens, which leaves no room for an answer.`),
      { param: "messages" },
    );
  }
  return { model: name, prompt: text, tokens, format, reason, constraint: constraint ?? null, unenforced };
}
