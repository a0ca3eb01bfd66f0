// The two models that tests load: generated ones with Hermes' vocabulary, and SmolLM2, the default model.
import { resolveModel } from "../../src/files/index.js";
import { cachedModel, type ModelOptions } from "./gguf/make_model.mjs";

/** How a file types the tokens beyond Mistral's own. */
export type AddedTokens = ModelOptions["added"];

/**
 * Path of a tiny random-weight model with the vocabulary of Hermes-2-Pro-Mistral-7B; makes it in half a second when it
 * is missing.
 */
export async function hermesModel(
  added: AddedTokens = "control",
  options: Omit<ModelOptions, "shape" | "added"> = {},
): Promise<string> {
  return cachedModel({ ...options, shape: "tiny", added });
}

/** Path of SmolLM2-135M-Instruct; fetches it when it is missing. */
export async function smollm2Model(): Promise<string> {
  return (await resolveModel("smollm2")).path;
}
