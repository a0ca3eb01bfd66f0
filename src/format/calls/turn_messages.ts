// Finds out whether a template makes texts and calls of a turn messages of their own, and how these are marked.
import type { CallPiece, TurnMessages } from "../../engine/call_format.js";
import { markersIn, markersOf } from "../template/template_parts.js";
import { commonStart } from "./common_text.js";
import { words, type ProbeTexts } from "./probe_texts.js";

/** What the template puts before a text, between the beginning of the turn and it. */
export function beforeText({ plain = "", prompt = "" }: ProbeTexts): string {
  const before = plain.slice(0, Math.max(0, plain.indexOf(words.text)));
  return before.slice(commonStart(before, prompt));
}

/**
 * Undefined where text is not marked. `head` is what a call begins with behind the prompt, `between` what stands
 * between two calls.
 */
export function turnMessages(texts: ProbeTexts, head: string, between: string): TurnMessages | undefined {
  const { withText = "", prompt = "" } = texts;
  const text = beforeText(texts);
  const textAt = withText.indexOf(words.text);
  const nameAt = withText.indexOf(words.first);
  const behind = textAt >= 0 && textAt < nameAt ? withText.slice(textAt + words.text.length, nameAt) : between + head;
  if (text.trim() === "" || !behind.endsWith(head)) return undefined;
  const separator = behind.slice(0, behind.length - head.length);
  // The end of a message comes before the beginning of the next.
  const first = markersIn(separator)[0];
  const cut = first?.from === 0 && first.to < separator.length ? first.to : 0;
  const next = separator.slice(cut);
  if (next === "" || !prompt.endsWith(next)) return undefined;
  return { next, texts: [text], textEnd: separator.slice(0, cut) };
}

/** Calls and texts as headers of OpenAI's harmony begin them, of which a template writes one kind. */
interface Headers {
  readonly call: readonly CallPiece[];
  readonly also?: readonly (readonly CallPiece[])[];
  readonly texts: readonly string[];
}

/**
 * A header names the recipient behind the role or behind the channel: templates write calls in the first way, models
 * mostly in the second, and the type of the content behind a marker, without it or not at all. Calls may be made in the
 * channel of thoughts. Other headers than harmony's stay as they are.
 */
export function withHeaders(call: readonly CallPiece[], text: string): Headers {
  const [head, name, header, ...rest] = call;
  const asWritten = { call, texts: [text] };
  if (typeof head !== "string" || name === undefined || typeof header !== "string") return asWritten;
  const [, marker, channel, type, end] = /^(<\|channel\|>)(\w+) (\w+)(<\|message\|>)$/.exec(header) ?? [];
  if (marker === undefined || !/^ to=[\w.]+$/.test(head) || !text.endsWith(end!)) return asWritten;
  const constrained = ` <|constrain|>${type}`;
  const types: CallPiece[] = [constrained, ` ${type}`].map((one) => ({ value: "optional", text: one }));
  return {
    call: [head, name, marker + channel, ...types, end!, ...rest],
    also: [channel, "analysis"].map((one) => [marker + one + head, name, ...types, end!, ...rest]),
    texts: [text, marker + channel + end, text.slice(0, -end!.length) + constrained + end],
  };
}

/** Whether the markers of calls are those of text too. */
export const sharesMarkers = (own: string, text: string): boolean =>
  markersOf(text).some((marker) => markersOf(own).includes(marker));
