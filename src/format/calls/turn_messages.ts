// Finds out whether a template makes texts and calls of a turn messages of their own, and how these are marked.
import type { CallFormat, CallPiece, TurnMessages } from "../../engine/call_format.js";
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

/**
 * The headers of OpenAI's harmony name the recipient behind the role or behind the channel: templates write calls in
 * the first way, models mostly in the second, with the type of the content behind a marker.
 */
export function otherHeader(call: readonly CallPiece[]): Pick<CallFormat, "also"> & { readonly channel?: string } {
  const [head, name, header, ...rest] = call;
  if (typeof head !== "string" || typeof header !== "string" || typeof name === "string") return {};
  const [, channel, type, end] = /^(<\|channel\|>\w+) (\w+)(<\|message\|>)$/.exec(header) ?? [];
  if (channel === undefined || !/^ to=[\w.]+$/.test(head)) return {};
  const constrain: CallPiece[] = [
    { value: "optional", text: " <|constrain|>" },
    { value: "optional", text: type! },
  ];
  return { also: [[channel + head, name!, ...constrain, end!, ...rest]], channel: channel + end! };
}

/** Whether the markers of calls are those of text too. */
export const sharesMarkers = (own: string, text: string): boolean =>
  markersOf(text).some((marker) => markersOf(own).includes(marker));
