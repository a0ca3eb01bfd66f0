// Finds out from a template how its model writes calls: what is written for known calls, and for none, tells the markup
// around names and arguments.
import type { ArgumentForm, CallFormat, CallPiece, TurnMessages } from "../../engine/call_format.js";
import { isElements, isNotation, openingsOf, tailOf } from "../../engine/call_format.js";
import { isObject } from "../../json_object.js";
import { markersIn, markersOf } from "../template/template_parts.js";
import { commonEnd, commonStart } from "./common_text.js";
import { elementForm, elementSpans } from "./element_form.js";
import { parameterForm, parameterSpans } from "./parameter_form.js";
import { notationForm, notationSpans } from "./notation_form.js";
import { words, type ProbeTexts } from "./probe_texts.js";
import { beforeText, sharesMarkers, turnMessages, withHeaders } from "./turn_messages.js";

export interface DerivedCalls {
  readonly format: CallFormat;
  /** What follows the calls of a turn: its end. */
  readonly turnEnd: string;
}

/** Why the calls of a template cannot be read, as the end of a sentence. */
export class UnknownCalls extends Error {}

/** `turnEnds`: texts of tokens that end a turn. Throws `UnknownCalls`. */
export function deriveCalls(texts: ProbeTexts, turnEnds: readonly string[]): DerivedCalls {
  const { one } = texts;
  if (one === undefined) throw new UnknownCalls("its chat template refuses calls");
  if (!one.includes(words.first)) throw new UnknownCalls("its chat template does not write them");
  const form = argumentForm(texts);
  const call = valuesOf(one, words.first, words.ids[0], form, 0);
  const before = beforeCalls(texts, one.slice(0, call.from));
  const behind = endOfTurn(texts, one.slice(call.to), turnEnds);
  const second = secondCall(texts, form);
  const several = second !== undefined && !turnEnds.some((end) => end !== "" && second.middle.includes(end));
  const inner = innerPieces(call, second?.call);
  const messages = messagesOf(texts, before, one.slice(call.from, call.to), second?.middle);
  const head = messages === undefined ? before.trimStart() : before;
  const around =
    second === undefined || !several
      ? { begin: "", head: [head], tail: behind.tail, between: "", end: "" }
      : split(head, behind.tail, second.middle, messages !== undefined);
  const pieces = joined([...around.head, ...inner, around.tail]);
  const keys = keysOf(pieces);
  const headers = messages && withHeaders(pieces, messages.texts[0]!);
  const format: CallFormat = {
    begin: around.begin,
    between: around.between,
    end: around.end,
    call: headers?.call ?? pieces,
    also: headers?.also,
    arguments: form,
    keys,
    several,
    isBare:
      messages === undefined
        ? keys !== undefined && isJsonBegin(around.begin + firstText(pieces))
        : messages.texts.some((text) => text.startsWith(firstText(pieces))),
    messages: messages && headers && { ...messages, texts: headers.texts },
  };
  refuseUnsafe(format, texts, turnEnds);
  return { format, turnEnd: behind.turnEnd };
}

/** Whether these are the calls that Hermes' own parser reads. */
export function isHermesFormat({ begin, end, call, keys }: CallFormat): boolean {
  return (
    (begin + end).trim() === "" &&
    keys?.name === "name" &&
    keys.arguments === "arguments" &&
    call.length === 5 &&
    /^<tool_call>\s*\{\s*"name": "$/.test(firstText(call)) &&
    call[2] === '", "arguments": ' &&
    /^\}\s*<\/tool_call>$/.test(tailOf(call))
  );
}

interface Value {
  readonly value: "name" | "id" | "arguments";
  readonly from: number;
  readonly to: number;
}

interface WrittenCall {
  readonly values: readonly Value[];
  /** From the first value to the last. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function valuesOf(text: string, name: string, id: string, form: ArgumentForm, nth: number): WrittenCall {
  const values: Value[] = [];
  const nameAt = text.indexOf(name);
  values.push({ value: "name", from: nameAt, to: nameAt + name.length });
  const idAt = text.indexOf(id);
  if (idAt >= 0) values.push({ value: "id", from: idAt, to: idAt + id.length });
  const args = argumentSpans(text, form)[nth];
  if (args === undefined) throw new UnknownCalls("its chat template writes their arguments in a form of its own");
  const againAt = text.indexOf(name, nameAt + name.length);
  if (againAt > args.from || text.split(name).length > 3)
    throw new UnknownCalls("its chat template names their function twice");
  if (againAt >= 0) values.push({ value: "name", from: againAt, to: againAt + name.length });
  values.push({ value: "arguments", ...args });
  values.sort((a, b) => a.from - b.from);
  return { values, from: values[0]!.from, to: values.at(-1)!.to, text };
}

function argumentForm(texts: ProbeTexts): ArgumentForm {
  const isJson = jsonSpans(texts.one!).length > 0;
  const form = isJson ? "json" : (parameterForm(texts) ?? notationForm(texts) ?? elementForm(texts));
  if (form === undefined) throw new UnknownCalls("its chat template writes their arguments in a form of its own");
  return form;
}

function argumentSpans(text: string, form: ArgumentForm): readonly { from: number; to: number }[] {
  if (form === "json") return jsonSpans(text);
  if (isElements(form)) return elementSpans(text, form);
  return isNotation(form) ? notationSpans(text, form) : parameterSpans(text, form);
}

/** Where the probes' arguments stand as JSON. */
function jsonSpans(text: string): { from: number; to: number }[] {
  const spans = [];
  for (let at = text.indexOf(`"${words.key}"`); at >= 0; at = text.indexOf(`"${words.key}"`, at + 1)) {
    const from = text.lastIndexOf("{", at);
    const to = text.indexOf("}", at) + 1;
    if (from >= 0 && to > 0 && isProbe(text.slice(from, to))) spans.push({ from, to });
  }
  return spans;
}

function isProbe(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) && value[words.key] === words.value && Object.keys(value).length === 1;
  } catch {
    return false;
  }
}

/** What stands before the first call, from the beginning of the model's turn on. */
function beforeCalls({ plain = "", withText, prompt = "" }: ProbeTexts, text: string) {
  const before = plain.slice(0, Math.max(0, plain.indexOf(words.text)));
  const [behindPrompt, behindText] = [prompt, before].map((other) => text.slice(commonStart(text, other)));
  // What all messages begin with alike is a part of the call, if the prompt lacks it.
  const isShorter = behindText !== "" && behindText!.length < behindPrompt!.length;
  let own = isShorter ? behindText! : behindPrompt!;
  // What is written of a thought that was none.
  own = own.replace(/^[\s\S]*(?:<\/[\w:]*think[\w:]*>|<\|END_THINKING\|>)/, "");
  const textAt = withText?.indexOf(words.text) ?? -1;
  const nameAt = withText?.indexOf(words.first) ?? -1;
  if (withText !== undefined && textAt >= 0 && textAt < nameAt) {
    // In the call alone, `own` ends at its first value; that may be an id.
    const from = textAt + words.text.length;
    const firstAt = [words.ids[0], words.first].map((word) => withText.indexOf(word)).filter((at) => at >= 0);
    own = own.slice(own.length - commonEnd(own, withText.slice(from, Math.min(...firstAt, nameAt))));
  }
  return own;
}

/** Text and calls are messages of their own, if they could not be told apart otherwise. */
function messagesOf(texts: ProbeTexts, head: string, call: string, middle = ""): TurnMessages | undefined {
  const isUnmarked = head.trim().length < 3 && !isJsonBegin(head);
  if (!isUnmarked && !sharesMarkers(head + call, beforeText(texts))) return undefined;
  const between = middle.slice(0, middle.length - commonEnd(head, middle));
  return turnMessages(texts, head, between.slice(markersIn(between).at(-2)?.from));
}

/** What stands behind the last call, and what ends the turn. */
function endOfTurn({ plain = "" }: ProbeTexts, text: string, turnEnds: readonly string[]) {
  const behindText = plain.slice(Math.max(0, plain.indexOf(words.text)) + words.text.length);
  const ends = [...turnEnds.filter((end) => end !== ""), ...markersOf(behindText)];
  const found = ends.map((end) => text.indexOf(end)).filter((at) => at >= 0);
  const at = Math.min(text.length - commonEnd(text, behindText), ...found);
  const tail = text.slice(0, at).trimEnd();
  const rest = text.slice(tail.length);
  // What follows may depend on the messages that do.
  return { tail, turnEnd: rest.slice(0, markersIn(rest)[0]?.to) };
}

/** What ends a turn of text. */
export function turnEndOf({ plain = "" }: ProbeTexts): string {
  const behind = plain.slice(plain.indexOf(words.text) + words.text.length);
  return behind.slice(0, markersIn(behind)[0]?.to);
}

/** The second call of a turn, and what stands between the values of both; undefined where there can be only one. */
function secondCall({ two }: ProbeTexts, form: ArgumentForm) {
  if (two === undefined || !two.includes(words.first) || !two.includes(words.second)) return undefined;
  const first = valuesOf(two, words.first, words.ids[0], form, 0);
  const call = valuesOf(two, words.second, words.ids[1], form, 1);
  return { call, middle: two.slice(first.to, call.from) };
}

/** The pieces between the values of a call. */
function innerPieces(call: WrittenCall, second: WrittenCall | undefined): CallPiece[] {
  return call.values.flatMap(({ value, from }, index): CallPiece[] => {
    if (index === 0) return [{ value }];
    const text = call.text.slice(call.values[index - 1]!.to, from);
    const other = second?.values[index];
    if (second === undefined || other === undefined) return [text, { value }];
    const otherText = second.text.slice(second.values[index - 1]!.to, other.from);
    return [...withIndex(text, otherText), { value }];
  });
}

/** Where two calls differ in a number, that counts them. */
function withIndex(text: string, other: string): CallPiece[] {
  if (text === other) return [text];
  const number = /^(\D*)\d+(.*)$/s.exec(text);
  if (number === null || !new RegExp(`^${escaped(number[1]!)}\\d+${escaped(number[2]!)}$`).test(other))
    throw new UnknownCalls("its chat template writes two calls in different ways");
  return [number[1]!, { value: "index" }, number[2]!];
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Divides what stands before, between and behind calls into what belongs to each call and what does not. */
function split(
  whole: string,
  behind: string,
  middle: string,
  keepsSpace: boolean,
): { begin: string; head: CallPiece[]; tail: string; between: string; end: string } {
  let before = whole;
  let rest = middle;
  const head: CallPiece[] = [];
  const takeEnd = () => {
    const length = commonEnd(before, rest);
    head.unshift(before.slice(before.length - length));
    before = before.slice(0, before.length - length);
    rest = rest.slice(0, rest.length - length);
  };
  takeEnd();
  if (/\d$/.test(before) && /\d$/.test(rest)) {
    head.unshift({ value: "index" });
    before = before.replace(/\d+$/, "");
    rest = rest.replace(/\d+$/, "");
    takeEnd();
  }
  const [first] = head;
  let space = "";
  if (!keepsSpace && before.trim() === "" && typeof first === "string") {
    space = /^\s*/.exec(first)![0];
    head[0] = first.trimStart();
    before = "";
  }
  rest += space;
  const tail = rest.slice(0, commonStart(rest, behind)).trimEnd();
  return { begin: before, head, tail, between: rest.slice(tail.length), end: behind.slice(tail.length) };
}

function joined(pieces: readonly CallPiece[]): CallPiece[] {
  const result: CallPiece[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    if (piece === "") continue;
    if (typeof piece === "string" && typeof last === "string") result[result.length - 1] = last + piece;
    else result.push(piece);
  }
  return result;
}

const isJsonBegin = (text: string) => /^\s*[[{]/.test(text) && markersIn(text).length === 0;

const firstText = ([first]: readonly CallPiece[]) => (typeof first === "string" ? first : "");

/** The keys of the name and the arguments, where the whole call is one JSON object. */
function keysOf(pieces: readonly CallPiece[]): CallFormat["keys"] {
  const keyBefore = (value: "name" | "arguments") => {
    const at = pieces.findIndex((piece) => typeof piece === "object" && piece.value === value);
    const before = pieces[at - 1];
    return typeof before === "string" ? /"([^"]+)"\s*:\s*"?$/.exec(before)?.[1] : undefined;
  };
  const [name, args] = [keyBefore("name"), keyBefore("arguments")];
  return name === undefined || args === undefined ? undefined : { name, arguments: args };
}

/** What could not be told from other text, or would end the turn, or be hidden in it. */
function refuseUnsafe(format: CallFormat, texts: ProbeTexts, turnEnds: readonly string[]): void {
  const { begin, between, end, call, arguments: form, messages } = format;
  const own = [begin, ...call.filter((piece) => typeof piece === "string"), between, end].join(" ");
  if (turnEnds.some((text) => text !== "" && own.includes(text)))
    throw new UnknownCalls("its chat template ends the turn before a call");
  const [opening] = openingsOf(format, [""]);
  if ((opening?.text ?? "").trim().length < 3 && !format.isBare)
    throw new UnknownCalls("nothing marks where one begins");
  // Markers of text are not shown; those of calls are read.
  if (messages === undefined && sharesMarkers(own, beforeText(texts)))
    throw new UnknownCalls("its chat template has the same markers around text");
  if (
    typeof form === "object" &&
    "afterText" in form &&
    ![form.afterText, form.afterJson].every((text) => /[<>]/.test(text))
  )
    throw new UnknownCalls("no marker ends their texts");
}
