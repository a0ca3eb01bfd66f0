// POST /apply-template: the prompt of a chat completion. Nothing is generated.
import { replyOptionsOf } from "../answers/requests.js";
import { ApiError, inContext, tooLong } from "../api_error.js";
import type { ChatRequest } from "./chat_request.js";
import type { Served, Service } from "../service.js";

export async function applyTemplate(request: ChatRequest & Served, service: Service): Promise<object> {
  const { model, requestContext, cacheScope } = service;
  const { messages, model: name } = request;
  const given = await replyOptionsOf(request, service);
  const { format, reason, prompts, unenforced } = await model
    .explain(messages, { ...given, cacheScope, signal: requestContext.signal })
    .catch((error: unknown) => {
      throw inContext(error, model.info.contextSize);
    });
  const { text, tokens, constraint = null, thought = null } = prompts[0]!;
  const { contextSize } = model.info;
  if (tokens.length >= contextSize) {
    throw new ApiError(
      400,
      "context_length_exceeded",
      tooLong(contextSize, `The prompt has ${tokens.length} tokens, which leaves no room for an answer.`),
      { param: "messages" },
    );
  }
  return { model: name, prompt: text, tokens, format, reason, constraint, thought, unenforced };
}
