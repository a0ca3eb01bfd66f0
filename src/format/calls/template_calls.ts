// How the model of a template writes calls, as far as that can be read.
import type { CallFormat, CallPiece } from "../../engine/call_format.js";
import { CaduceusError } from "../../errors.js";
import { partsToText } from "../hermes/prompt/prompt_parts.js";
import type { ChatTemplate } from "../template/template.js";
import { deriveCalls, isHermesFormat, UnknownCalls } from "./derive_format.js";
import { hermesCalls, type TemplateCalls } from "./call_reading.js";
import { probeTexts, probeTools } from "./probe_texts.js";

/** `turnEnds`: texts of the tokens that end a turn. */
export async function templateCalls(template: ChatTemplate, turnEnds: readonly string[]): Promise<TemplateCalls> {
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
    if (error instanceof UnknownCalls) return { kind: "unknown", reason: error.message };
    throw error;
  }
}

/** The texts that calls are written with. */
export function textsOf({ begin, between, end, call, also = [], arguments: form, messages }: CallFormat): string[] {
  const pieces = [call, ...also].flat().map(textOf);
  const parameters = form === "json" ? [] : Object.values(form).filter((text) => typeof text === "string");
  const around = messages === undefined ? [] : [messages.next, ...messages.texts, messages.textEnd];
  return [begin, between, end, ...pieces, ...parameters, ...around].filter((text) => text !== "");
}

function textOf(piece: CallPiece): string {
  if (typeof piece === "string") return piece;
  return piece.value === "optional" ? piece.text : "";
}
