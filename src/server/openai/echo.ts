// A prompt as its answer repeats it.
import type { PromptToken } from "../../index.js";
import type { RawPrompt } from "../answers/requests.js";
import type { Service } from "../service.js";

export interface Echo {
  readonly text: string;
  /**
   * Those of the engine's tokens that the client gave: not the BOS that the engine puts in front where the model wants
   * one.
   */
  given(tokens: readonly PromptToken[]): readonly PromptToken[];
}

export async function echoOf(prompt: RawPrompt, service: Pick<Service, "model" | "tokens">): Promise<Echo> {
  const { model, tokens } = service;
  const bos = model.info.bosToken;
  const hasBos = await writesBos(prompt, service);
  const bytes = typeof prompt === "string" ? [] : (await tokens.of(prompt)).map((token) => token.bytes);
  return {
    text: typeof prompt === "string" ? prompt : Buffer.concat(bytes).toString("utf8"),
    given: (list) => (list[0]?.token === bos && !hasBos ? list.slice(1) : list),
  };
}

/** The prompt itself begins with a BOS. */
export async function writesBos(
  prompt: RawPrompt,
  { model, tokens }: Pick<Service, "model" | "tokens">,
): Promise<boolean> {
  const bos = model.info.bosToken;
  if (bos === undefined) return false;
  return typeof prompt === "string" ? prompt.startsWith((await tokens.of([bos]))[0]!.text) : prompt[0] === bos;
}
