// A request for the completion of raw prompts, in the library's words. Markup in a prompt is read, as llama.cpp's
// server does.
import type { PromptsRequest } from "../answers/requests.js";
import { checkFields } from "../fields/check_fields.js";
import { fieldsOf } from "./openai_fields.js";
import { readConstraint } from "../fields/constraint_fields.js";
import { type Fields, invalid, invalidContent, unsupported } from "../fields/read_fields.js";
import { mostChoices, readGenerationFields, type GenerationFields } from "../fields/generation_fields.js";
import { requestFields } from "../request_fields.js";

export interface CompletionRequest extends PromptsRequest, GenerationFields {
  /** The answer begins with its prompt. */
  readonly echo: boolean;
  /** How many of the likeliest tokens come beside each; undefined: nothing of this is asked for. */
  readonly logprobs: number | undefined;
}

export function readCompletionRequest(body: Fields): CompletionRequest {
  checkFields(body, fieldsOf.completions);
  const generation = readGenerationFields(body, 0);
  const bestOf = body.wholeNumber("best_of", 1, mostChoices);
  if (bestOf !== undefined && bestOf !== generation.n)
    throw unsupported("best_of", "ask for n answers and choose among them.");
  const prompts = readPrompts(body);
  if (prompts.length * generation.n > mostChoices) {
    const [expected, received] = [
      `at most ${mostChoices} answers for all prompts together`,
      `${generation.n} answers for each of ${prompts.length} prompts`,
    ];
    throw invalidContent("n", expected, received);
  }
  const constraint = readConstraint(body);
  const echo = body.boolean("echo") ?? false;
  const logprobs = body.wholeNumber("logprobs", 0, 20);
  // An empty one is what clients send that have none.
  const suffix = body.text("suffix") || undefined;
  if (suffix !== undefined && echo) throw unsupported("echo", "not together with suffix.");
  const scores =
    logprobs === undefined
      ? {}
      : { logProbabilities: true, promptLogProbabilities: echo, topLogProbabilities: logprobs };
  return {
    ...generation,
    prompts,
    completeOptions: { ...constraint?.options, ...scores, suffix },
    strict: new Set(constraint?.strict ? [undefined] : []),
    fields: requestFields(body.names(), constraint?.param),
    echo,
    logprobs,
  };
}

function readPrompts(body: Fields): PromptsRequest["prompts"] {
  const prompt = body.required("prompt", body.value);
  if (typeof prompt === "string") return [prompt];
  if (!Array.isArray(prompt) || prompt.length === 0)
    throw invalid("prompt", "a string, an array of strings, or an array of token ids", prompt);
  if (prompt.every((one) => typeof one === "string")) return prompt;
  const lists: unknown[] = Array.isArray(prompt[0]) ? prompt : [prompt];
  return lists.map((tokens) => {
    if (!Array.isArray(tokens) || !tokens.every((token) => Number.isInteger(token)))
      throw invalid("prompt", "a string, an array of strings, or an array of token ids", prompt);
    return tokens as number[];
  });
}
