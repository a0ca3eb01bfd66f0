// Usage and finish reasons in OpenAI's form.
import type { FinishEvent, Usage } from "../../index.js";

export interface ApiUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

/** The tokens of each prompt count once, however many answers it has. */
export function countUsage(results: readonly FinishEvent[], n: number): ApiUsage {
  const firsts = results.filter((_, index) => index % n === 0);
  const sum = (list: readonly FinishEvent[], count: (result: FinishEvent) => number) =>
    list.reduce((total, result) => total + count(result), 0);
  const prompt = sum(firsts, ({ usage }) => usage.promptTokens);
  const completion = sum(results, ({ usage }) => usage.generatedTokens);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: sum(firsts, ({ usage }) => usage.cachedTokens) },
  };
}

export const finishReason = ({ finishReason, toolCalls }: FinishEvent) =>
  finishReason !== "tool-calls" ? finishReason : toolCalls.length > 0 ? "tool_calls" : "stop";

/** The prompt's tokens in the form of responses. */
export const inputTokens = ({ promptTokens, cachedTokens }: Usage) => ({
  input_tokens: promptTokens,
  input_tokens_details: { cached_tokens: cachedTokens },
});
