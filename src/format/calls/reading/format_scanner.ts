// Finds the calls of a reply that are written as a `CallFormat` says, and the text around them. Text is pushed in
// pieces of any size; each character is read once, but for a short end that waits for what follows it.
import {
  headOf,
  isElements,
  isNotation,
  openingsOf,
  tailOf,
  type CallFormat,
  type CallPiece,
  type Opening,
} from "../../../engine/call_format.js";
import { CallBuilder } from "../../hermes/calls/call_builder.js";
import { isSpace, trimmedEnd } from "../../hermes/json/character_classes.js";
import { TolerantJson } from "../../hermes/json/tolerant_json.js";
import type { ReplyOutput } from "../../hermes/parser/reply_output.js";
import type { CallReceiver } from "../../hermes/parser/reply_scanner.js";
import type { ReplyFinish } from "../../hermes/parser/reply_types.js";
import { ElementReader } from "./element_reader.js";
import { behindLiteral, OpeningMatcher } from "./opening_matcher.js";
import { NotationReader } from "./notation_reader.js";
import { ParameterReader } from "./parameter_reader.js";

const longestValue = 256;

/** A call that is being read. */
interface OpenCall {
  /** What it begins with. */
  raw: string;
  readonly builder: CallBuilder;
  /** How it is written. */
  readonly pieces: readonly CallPiece[];
  /** Index in `pieces` of what comes next, unless the call is one JSON object. */
  piece: number;
  json: TolerantJson | undefined;
  parameters: ParameterReader | NotationReader | ElementReader | undefined;
  repaired: boolean;
}

export class FormatScanner {
  /** Characters read so far. */
  charactersRead = 0;
  readonly turnEnded = false;
  readonly #format: CallFormat;
  readonly #out: ReplyOutput;
  readonly #receiver: CallReceiver;
  readonly #schemaOf: (name: string) => unknown;
  readonly #matcher: OpeningMatcher;
  #state: "text" | "call" | "behind" | "broken" = "text";
  /** What has been pushed and not been read. */
  #rest = "";
  /** Text that may begin a call, and white space before it. */
  #held = "";
  #call: OpenCall | undefined;
  /** White space since the last call. */
  #touches = false;
  /** The last call lacks its end. */
  #isUnended = false;
  #broken = "";

  /** `names` are those of the tools, `schemaOf` gives what they take. */
  constructor(
    format: CallFormat,
    names: readonly string[],
    schemaOf: (name: string) => unknown,
    out: ReplyOutput,
    receiver: CallReceiver,
  ) {
    this.#format = format;
    this.#out = out;
    this.#receiver = { ...receiver, keys: format.keys };
    this.#schemaOf = schemaOf;
    this.#matcher = new OpeningMatcher(openingsOf(format, names));
  }

  read(text: string): void {
    this.charactersRead += text.length;
    this.#rest += text;
    this.#readRest(false);
  }

  /** The output ended. `cutsCalls`: whatever was begun is a call that was cut off. */
  end(finish: ReplyFinish, cutsCalls: boolean): void {
    this.#readRest(finish === "stop");
    const call = this.#call;
    if (this.#state === "call" && call !== undefined) this.#cutOff(call, finish);
    else if (this.#state === "broken") this.#receiver.broken((this.#broken + this.#rest).trimEnd(), undefined);
    else if (this.#state === "behind") this.#endBehind();
    else if (cutsCalls && finish === "length" && this.#held.trim() !== "") this.#receiver.incomplete(undefined);
    else this.#text(this.#held);
    this.#held = this.#rest = "";
  }

  #readRest(isEnd: boolean): void {
    let from = 0;
    for (;;) {
      const next = this.#step(this.#rest, from, isEnd);
      if (next === undefined) break;
      from = next;
    }
    this.#rest = this.#rest.slice(from);
  }

  /** Undefined where nothing more can be read yet. */
  #step(text: string, at: number, isEnd: boolean): number | undefined {
    switch (this.#state) {
      case "text":
        return at === text.length ? undefined : this.#readText(text, at);
      case "call":
        return this.#readCall(this.#call as OpenCall, text, at, isEnd);
      case "behind":
        return this.#readBehind(text, at, isEnd);
      case "broken":
        return this.#readBroken(text, at, isEnd);
    }
  }

  #readText(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const found = this.#matcher.push(text[at] as string);
      if (found === undefined) continue;
      const before = this.#held + text.slice(from, at + 1);
      this.#held = "";
      const start = before.length - found.length;
      this.#text(before.slice(0, trimmedEnd(before.slice(0, start))));
      const { ahead } = found.opening;
      this.#begin(before.slice(start, before.length - ahead), found.opening);
      return at + 1 - ahead;
    }
    const all = this.#held + text.slice(from);
    const end = trimmedEnd(all.slice(0, all.length - this.#matcher.pending));
    this.#text(all.slice(0, end));
    this.#held = all.slice(end);
    return text.length;
  }

  #text(text: string): void {
    let shown = text;
    if (this.#touches) {
      shown = shown.trimStart();
      if (shown === "") return;
      this.#touches = false;
      if (this.#out.content !== "") shown = `\n${shown}`;
    }
    this.#out.text(shown);
  }

  /** `raw` is what was written, `opening` what it stands for. */
  #begin(raw: string, { text, call: pieces, pieces: piece, name }: Omit<Opening, "atStart" | "ahead">): void {
    const { keys, begin } = this.#format;
    const builder = new CallBuilder(this.#receiver, false);
    this.#call = { raw, builder, pieces, piece, json: undefined, parameters: undefined, repaired: false };
    this.#state = "call";
    this.#isUnended = false;
    if (keys !== undefined) builder.reader.feed(text.slice(text.indexOf("{", begin.length)), 0);
    else if (name !== undefined) this.#name(this.#call, name);
  }

  #name({ builder }: OpenCall, name: string): void {
    if (builder.name === undefined) builder.reader.feed(`{"name": ${JSON.stringify(name)}, "arguments": `, 0);
  }

  #readCall(call: OpenCall, text: string, at: number, isEnd: boolean): number | undefined {
    if (this.#format.keys !== undefined) return this.#readObject(call, text, at);
    const piece = call.pieces[call.piece];
    let end: number | undefined;
    if (piece === undefined) return this.#complete(call, at);
    if (typeof piece === "string") {
      if (call.piece === call.pieces.length - 1) return this.#complete(call, at);
      end = behindLiteral(text, at, piece, isEnd);
      if (end !== undefined && end >= 0) call.piece++;
    } else if (piece.value === "optional") {
      end = behindLiteral(text, at, piece.text, isEnd);
      if (end !== undefined) call.piece++;
      if (end !== undefined && end < 0) end = at;
    } else if (piece.value === "arguments") {
      end = this.#readArguments(call, text, at, isEnd);
    } else {
      end = this.#readWord(call, piece.value === "name", text, at, isEnd);
    }
    if (end === undefined) return undefined;
    if (end < 0) return this.#break(call, at);
    call.raw += text.slice(at, end);
    return end;
  }

  #readObject(call: OpenCall, text: string, at: number): number | undefined {
    if (at === text.length) return undefined;
    const { reader } = call.builder;
    const end = reader.feed(text, at);
    call.raw += text.slice(at, end);
    call.builder.flush();
    if (reader.status === "done") return this.#complete(call, end);
    return reader.status === "reading" ? end : this.#break(call, end);
  }

  /** A name, an id or a number: up to white space or markup. */
  #readWord(call: OpenCall, isName: boolean, text: string, at: number, isEnd: boolean): number | undefined {
    let from = at;
    while (from < text.length && isSpace(text.charCodeAt(from))) from++;
    const length = /^[^\s<>[\](){}"'`:=,]*/.exec(text.slice(from, from + longestValue + 1))?.[0].length ?? 0;
    const end = from + length;
    if (length > longestValue) return -1;
    if (end === text.length && !isEnd) return undefined;
    if (isName && length === 0) return -1;
    if (isName) this.#name(call, text.slice(from, end));
    call.piece++;
    return end;
  }

  #readArguments(call: OpenCall, text: string, at: number, isEnd: boolean): number | undefined {
    const { arguments: form } = this.#format;
    const { builder } = call;
    if (form === "json") {
      if (at === text.length) return undefined;
      call.json ??= capturing();
      const end = call.json.feed(text, at);
      builder.reader.feed(call.json.strict.take(), 0);
      builder.flush();
      if (call.json.status === "failed" || call.json.status === "tag") return -1;
      if (call.json.status === "done") {
        call.repaired ||= call.json.repaired;
        call.piece++;
      }
      return end;
    }
    const emit = (json: string) => void builder.reader.feed(json, 0);
    const behind = tailOf(call.pieces);
    call.parameters ??= isNotation(form)
      ? new NotationReader(form, behind, emit)
      : isElements(form)
        ? new ElementReader(form, behind, this.#schemaOf(nameOf(call)), emit)
        : new ParameterReader(form, behind, this.#schemaOf(nameOf(call)), emit);
    const end = call.parameters.read(text, at, isEnd);
    builder.flush();
    if (call.parameters.status === "failed") return -1;
    if (call.parameters.status === "done") call.piece++;
    return end === at && call.parameters.status === "reading" ? undefined : end;
  }

  #complete(call: OpenCall, at: number): number {
    const { builder } = call;
    if (this.#format.keys === undefined) builder.reader.feed("}", 0);
    const built = builder.reader.status === "done" ? builder.finish() : undefined;
    if (built === undefined) return this.#break(call, at);
    this.#receiver.completed(built, built.repaired || call.repaired);
    this.#call = undefined;
    this.#state = "behind";
    this.#touches = true;
    this.#isUnended = true;
    return at;
  }

  /** What ends a call, between it and the next, and what ends all of them. */
  #readBehind(text: string, at: number, isEnd: boolean): number | undefined {
    const { end, between, keys, begin } = this.#format;
    const tail = this.#tail;
    if (this.#isUnended) {
      const behind = tail.trim() === "" ? at : behindLiteral(text, at, tail, isEnd);
      if (behind === undefined) return undefined;
      this.#isUnended = false;
      if (behind >= 0) return behind;
      this.#receiver.lastWasRepaired();
      return at;
    }
    if (end.trim() !== "") {
      const behind = behindLiteral(text, at, end, isEnd);
      if (behind === undefined) return undefined;
      if (behind >= 0) return this.#leave(behind);
    }
    if (begin.trim() !== "") {
      const { call } = this.#format;
      const whole = headOf(call);
      const head = keys === undefined ? whole : whole.slice(0, whole.indexOf("{") + 1);
      for (const literal of new Set([between.trimEnd() + head, head].filter((one) => one.trim() !== ""))) {
        const behind = behindLiteral(text, at, literal, isEnd);
        if (behind === undefined) return undefined;
        if (behind < 0) continue;
        this.#begin(text.slice(at, behind), { text: begin + head, call, pieces: whole === "" ? 0 : 1 });
        return behind;
      }
      if (end.trim() !== "") this.#receiver.lastWasRepaired();
    }
    return this.#leave(at);
  }

  /** What is left of a call behind its last value. */
  get #tail(): string {
    const tail = tailOf(this.#format.call);
    return this.#format.keys === undefined ? tail : tail.slice(tail.lastIndexOf("}") + 1);
  }

  #leave(at: number): number {
    this.#state = "text";
    return at;
  }

  #endBehind(): void {
    const { begin, end } = this.#format;
    if ((this.#isUnended && this.#tail.trim() !== "") || (begin + end).trim() !== "") this.#receiver.lastWasRepaired();
  }

  #break(call: OpenCall, at: number): number {
    this.#broken = call.raw;
    this.#call = undefined;
    this.#state = "broken";
    return at;
  }

  /** A call that cannot be read reaches to the markup that ends calls, or to the next call. */
  #readBroken(text: string, at: number, isEnd: boolean): number | undefined {
    const { begin, end } = this.#format;
    const ends = [...(this.#tail + end).matchAll(/<[^<>]+>|\[[^[\]]+\]/g)].map(([marker]) => marker);
    const [closing = ""] = ends.slice(-1);
    const opening = begin.trim() === "" && !this.#format.isBare ? headOf(this.#format.call).trim() : "";
    const closed = closing === "" ? -1 : text.indexOf(closing, at);
    const opened = opening === "" ? -1 : text.indexOf(opening, at);
    const places = [closed < 0 ? Infinity : closed + closing.length, opened < 0 ? Infinity : opened];
    const stop = Math.min(...places);
    if (stop === Infinity) {
      const safe = isEnd ? text.length : Math.max(at, text.length - closing.length - opening.length);
      if (safe === at) return undefined;
      this.#broken += text.slice(at, safe);
      return safe;
    }
    this.#receiver.broken((this.#broken + text.slice(at, stop)).trimEnd(), undefined);
    this.#broken = "";
    this.#touches = true;
    return this.#leave(stop);
  }

  #cutOff(call: OpenCall, finish: ReplyFinish): void {
    const { id, reader } = call.builder;
    if (finish === "length") return this.#receiver.incomplete(id);
    // Nothing but what closes it is missing.
    if (call.parameters?.status === "reading" || !reader.close(true))
      return this.#receiver.broken((call.raw + this.#rest).trimEnd(), id);
    const built = call.builder.finish();
    if (built === undefined) this.#receiver.broken((call.raw + this.#rest).trimEnd(), id);
    else this.#receiver.completed(built, true);
  }
}

function capturing(): TolerantJson {
  const json = new TolerantJson();
  json.strict.capturing = true;
  return json;
}

const nameOf = ({ builder }: OpenCall): string => builder.name ?? "";
