// Prompts of an exact length that no cache has seen, and options under which a model never ends by itself.

/** @param {import("caduceus").Model} model @param {number} tokens */
export function randomPrompt(model, tokens) {
  const { vocabularySize, bosToken } = model.info;
  const ids = Array.from({ length: tokens }, () => 300 + Math.floor(Math.random() * (vocabularySize - 1000)));
  // Counted as llama-bench counts: BOS, where there is one, is the first of them.
  if (bosToken !== undefined) ids[0] = bosToken;
  return [{ tokens: ids }];
}

/** @param {import("caduceus").Model} model */
export function neverEnding(model) {
  return { logitBias: new Map(model.info.endOfGenerationTokens.map((token) => [token, -Infinity])) };
}
