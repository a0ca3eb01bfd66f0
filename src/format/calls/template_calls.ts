// How the model of a template writes calls, as far as that can be read.
import type { CallFormat, CallPiece } from "../../engine/call_format.js";
import { CaduceusError } from "../../errors.js";
import { partsToText } from "../hermes/prompt/prompt_parts.js";
import type { ChatTemplate } from "../template/template.js";
import { deriveCalls, isHermesFormat, turnEndOf, UnknownCalls } from "./derive_format.js";
import { hermesCalls, type TemplateCalls } from "./call_reading.js";
import { knownCalls } from "./known_calls.js";
import { probeTexts, probeTools, words } from "./probe_texts.js";
import { unwrittenFormat } from "./unwritten_calls.js";

/** `turnEnds`: texts of the tokens that end a turn. `isToken` says whether a text is a token of the vocabulary. */
export async function templateCalls(
  template: ChatTemplate,
  turnEnds: readonly string[],
  isToken: (text: string) => Promise<boolean>,
): Promise<TemplateCalls> {
  if (!template.hasTools) return hermesCalls;
  const texts = await probeTexts(async (messages, addGenerationPrompt) => {
    try {
      return partsToText(await template.render({ messages, tools: probeTools, addGenerationPrompt }));
    } catch (error) {
      if (error instanceof CaduceusError) return undefined;
      throw error;
    }
  });
  // A template that refuses everything says so itself.
  if (texts.plain === undefined && texts.prompt === undefined) return hermesCalls;
  try {
    const { format, turnEnd } = deriveCalls(texts, turnEnds);
    return isHermesFormat(format) ? hermesCalls : { kind: "own", format, turnEnd };
  } catch (error) {
    if (!(error instanceof UnknownCalls)) throw error;
    const known = knownCalls((text) => template.has(text));
    if (known !== undefined) return { kind: "own", ...known };
    const isUnwritten = texts.one !== undefined && !texts.one.includes(words.first);
    const format = isUnwritten ? await unwrittenFormat((text) => template.has(text), isToken) : undefined;
    if (format === undefined) return { kind: "unknown", reason: error.message };
    return { kind: "own", format, turnEnd: turnEndOf(texts), isUnwritten };
  }
}

/** The texts that calls are written with. */
export function textsOf({ begin, between, end, call, also = [], arguments: form, messages }: CallFormat): string[] {
  const pieces = [call, ...also].flat().map(textOf);
  const parameters = form === "json" ? [] : Object.values(form).filter((text) => typeof text === "string");
  const { next = "", texts = [], textEnd = "", turnEnd = "" } = messages ?? {};
  const around = [next, ...texts, textEnd, turnEnd];
  return [begin, between, end, ...pieces, ...parameters, ...around].filter((text) => text !== "");
}

function textOf(piece: CallPiece): string {
  if (typeof piece === "string") return piece;
  return piece.value === "optional" ? piece.text : "";
}
