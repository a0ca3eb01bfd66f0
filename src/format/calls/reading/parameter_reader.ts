// Reads arguments that are written as parameters, and gives them as the JSON that they mean.
import type { ParameterForm } from "../../../engine/call_format.js";
import { parameterSchema, parameterTypes } from "../../../engine/parameter_kind.js";
import { TolerantJson } from "../../hermes/json/tolerant_json.js";
import { heldBack } from "../common_text.js";
import { inString, leafValue } from "./leaf_value.js";
import { behindLiteral } from "./opening_matcher.js";
import { readSteps } from "./read_steps.js";

const longestName = 256;
const cdata = "<![CDATA[";
const cdataEnd = "]]>";

export class ParameterReader {
  /** `done`: stopped before what follows the last parameter. `failed`: stopped before what is no parameter. */
  status: "reading" | "done" | "failed" = "reading";
  readonly #form: ParameterForm;
  readonly #behind: string;
  readonly #schema: unknown;
  readonly #emit: (json: string) => void;
  #state: "between" | "name" | "value" | "text" | "raw" | "container" | "behind" = "between";
  #count = 0;
  #types = new Set<string>();
  /** What ends a string. */
  #closing = "";
  #raw = "";
  #container = new TolerantJson();

  /** `behind` follows the parameters. `schema` is that of all arguments. */
  constructor(form: ParameterForm, behind: string, schema: unknown, emit: (json: string) => void) {
    this.#form = form;
    this.#behind = behind;
    this.#schema = schema;
    this.#emit = emit;
    emit("{");
  }

  /** Reads from `at` on, and returns where what is left begins, which is to be given again with more. */
  read(text: string, at: number, isEnd: boolean): number {
    return readSteps(
      at,
      (from) => this.#step(text, from, isEnd),
      () => this.status === "reading",
    );
  }

  /** Undefined where more of the text has to come. */
  #step(text: string, at: number, isEnd: boolean): number | undefined {
    switch (this.#state) {
      case "between":
        return this.#between(text, at, isEnd);
      case "name":
        return this.#name(text, at, isEnd);
      case "value":
        return this.#value(text, at, isEnd);
      case "text":
        return this.#text(text, at, (piece) => this.#emit(inString(piece)));
      case "raw":
        return this.#text(text, at, (piece) => (this.#raw += piece));
      case "container":
        return this.#readContainer(text, at);
      case "behind":
        return this.#endValue(text, at, isEnd);
    }
  }

  #between(text: string, at: number, isEnd: boolean): number | undefined {
    const name = behindLiteral(text, at, this.#form.beforeName, isEnd);
    if (name !== undefined && name >= 0) {
      this.#state = "name";
      return name;
    }
    const end = this.#behind.trim() === "" ? at : behindLiteral(text, at, this.#behind, isEnd);
    if (end !== undefined && end >= 0 && name !== undefined) return this.#finish("done", at);
    return name === undefined || end === undefined ? undefined : this.#finish("failed", at);
  }

  #name(text: string, at: number, isEnd: boolean): number | undefined {
    const ends = [this.#form.beforeText, this.#form.beforeJson].map((literal) => text.indexOf(literal.trim()[0]!, at));
    const end = Math.min(...ends.map((place) => (place < 0 ? Infinity : place)));
    if (Math.min(end, text.length) - at > longestName) return this.#finish("failed", at);
    if (end === Infinity) return isEnd ? this.#finish("failed", at) : undefined;
    const name = text.slice(at, end).trim();
    this.#types = parameterTypes(parameterSchema(this.#schema, name), this.#schema);
    this.#emit(`${this.#count++ > 0 ? ", " : ""}${JSON.stringify(name)}: `);
    this.#state = "value";
    return end;
  }

  /** What stands before a value tells strings apart in some formats; in others the schema does. */
  #value(text: string, at: number, isEnd: boolean): number | undefined {
    const { beforeText, beforeJson, afterText, afterJson, hasCdata, behindType } = this.#form;
    const behindText = behindLiteral(text, at, beforeText, isEnd);
    const behindJson = this.#behindType(text, behindLiteral(text, at, beforeJson, isEnd), isEnd);
    if (behindText === undefined || behindJson === undefined) return undefined;
    const start = Math.max(behindText, behindJson);
    if (start < 0) return this.#finish("failed", at);
    const isTold = beforeText.trim() !== beforeJson.trim();
    if (hasCdata && !isEnd && cdata.startsWith(text.slice(start))) return undefined;
    const isCdata = hasCdata && text.startsWith(cdata, start);
    const isOnlyText = this.#types.size === 1 && this.#types.has("string");
    // A type that is said decides where the schema leaves it open.
    const isSaid = behindText >= 0 && (behindType === undefined || this.#types.has("string"));
    const isText = isTold ? isSaid || (behindType !== undefined && isOnlyText) : isOnlyText;
    if (isText || isCdata) {
      this.#closing = isCdata ? cdataEnd : afterText;
      this.#emit('"');
      this.#state = "text";
      return isCdata ? start + cdata.length : start;
    }
    if (isTold) this.#types.delete("string");
    const first = /\S/.exec(text.slice(start));
    if (first === null && !isEnd) return undefined;
    this.#closing = afterJson;
    this.#raw = "";
    this.#state = "raw";
    if (!this.#types.has("string") && /[{[]/.test(first?.[0] ?? "")) {
      this.#state = "container";
      this.#container = new TolerantJson();
      this.#container.strict.capturing = true;
    }
    return start;
  }

  /** `at`: behind what stands before the type of a value, where there is one. */
  #behindType(text: string, at: number | undefined, isEnd: boolean): number | undefined {
    const { behindType } = this.#form;
    if (behindType === undefined || at === undefined || at < 0) return at;
    const end = at + (/^[a-z]{0,16}/.exec(text.slice(at, at + 16))?.[0].length ?? 0);
    return end === text.length && !isEnd ? undefined : behindLiteral(text, end, behindType, isEnd);
  }

  /** Text up to its closing marker, before which white space may be no part of it. */
  #text(text: string, at: number, take: (piece: string) => void): number | undefined {
    const core = this.#closing.trim();
    const whole = this.#closing.slice(0, this.#closing.length - this.#closing.trimStart().length) + core;
    const end = text.indexOf(core, at);
    if (end < 0) {
      const safe = text.length - Math.max(heldBack(text, whole), heldBack(text, core));
      if (safe <= at) return undefined;
      take(text.slice(at, safe));
      return safe;
    }
    const space = whole.length - core.length;
    const isWhole = end - space >= at && text.startsWith(whole, end - space);
    take(text.slice(at, isWhole ? end - space : end));
    if (this.#state === "text") this.#emit('"');
    else this.#emit(leafValue(this.#raw, this.#types));
    this.#state = this.#closing === cdataEnd ? "behind" : "between";
    return end + core.length;
  }

  #readContainer(text: string, at: number): number | undefined {
    if (at === text.length) return undefined;
    const end = this.#container.feed(text, at);
    this.#raw += text.slice(at, end);
    const { status } = this.#container;
    if (status === "done") {
      this.#emit(this.#container.strict.take());
      this.#state = "behind";
    } else if (status !== "reading") {
      this.#state = "raw";
    }
    return end;
  }

  #endValue(text: string, at: number, isEnd: boolean): number | undefined {
    const end = behindLiteral(text, at, this.#form.afterJson, isEnd);
    if (end === undefined) return undefined;
    this.#state = "between";
    return end < 0 ? this.#finish("failed", at) : end;
  }

  #finish(status: "done" | "failed", at: number): number {
    this.status = status;
    if (status === "done") this.#emit("}");
    return at;
  }
}
