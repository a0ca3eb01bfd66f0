// What an engine says of tokens, packed, as one object for each.
import type { ScoredTokens } from "../../engine/engine.js";
import type { PromptToken, TokenProbability } from "./reply_events.js";

export function tokenProbabilities({
  tokens,
  logProbabilities,
  topTokens,
  topLogProbabilities,
}: ScoredTokens): TokenProbability[] {
  const count = topTokens === undefined ? 0 : topTokens.length / tokens.length;
  return Array.from(tokens, (token, index) => {
    const top = Array.from({ length: count }, (_, place) => ({
      token: topTokens![index * count + place]!,
      logProbability: topLogProbabilities?.[index * count + place] ?? Number.NaN,
    }));
    return { token, logProbability: logProbabilities?.[index] ?? Number.NaN, ...(count === 0 ? {} : { top }) };
  });
}

export function promptTokens(scored: ScoredTokens): PromptToken[] {
  const [first, ...rest] = tokenProbabilities(scored);
  return first === undefined ? [] : [{ token: first.token }, ...rest];
}
