// Makes one call out of the members of one JSON object, whatever their order, and streams its arguments' text.

import { skipSpace } from "../json/character_classes.js";
import { copyOf, ownValue } from "../json/json_container.js";
import type { Container, MemberListener } from "../json/json_container.js";
import { TolerantJson } from "../json/tolerant_json.js";
import { setOwn } from "../../../json_object.js";

/** Takes the stream of one call. */
export interface CallStream {
  start(id: string, name: string, restart: boolean): void;
  delta(id: string, name: string, textDelta: string, builder: CallBuilder): void;
}

export interface CallSettings {
  /** Makes the id of a call. */
  readonly nextId: () => string;
  readonly stream: CallStream;
  /** The one tool there is, if there is only one: its arguments may stream before its name is written. */
  readonly onlyTool: string | undefined;
  /** What the keys of a call are called. Defaults to `name` and `arguments`. */
  readonly keys?: { readonly name: string; readonly arguments: string } | undefined;
}

export interface BuiltCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
  readonly argumentsText: string;
  readonly repaired: boolean;
  readonly hasBigInt: boolean;
  /** A number that does not fit; in the arguments it is text. */
  readonly tooLarge: string | undefined;
  /** Whether the model wrote arguments at all. */
  readonly hasArguments: boolean;
}

// Of two places for the same thing the higher one wins, of two equal ones the last.
const wrappedParametersRank = 1;
const wrappedArgumentsRank = 2;
const parametersRank = 3;
const rankOfArguments = 4;
const functionAsNameRank = 1;
const wrappedNameRank = 2;
const rankOfName = 3;

export class CallBuilder implements MemberListener {
  readonly reader: TolerantJson;
  /** Set once the call has shown itself to the stream. */
  id: string | undefined;

  #outerKey = "";
  #innerKey = "";
  #name: string | undefined;
  #nameRank = 0;
  #argumentsRank = 0;
  #args: unknown = undefined;
  #argumentsLevel = 0;
  #argumentsRoot: Container | undefined;
  #capturingDepth = -1;
  #sent = "";
  /** Text of arguments that were no container: it does not come from the reader. */
  #written = "";
  #restarted = false;
  #repaired = false;
  #hasBigInt = false;
  #tooLarge: string | undefined;
  #startedAs: string | undefined;

  readonly #settings: CallSettings;

  constructor(settings: CallSettings, insideList: boolean) {
    this.#settings = settings;
    this.reader = new TolerantJson({ listener: this, insideList });
  }

  key(depth: number, key: string): void {
    if (depth === 1) {
      this.#outerKey = key;
      this.#innerKey = "";
    } else {
      this.#innerKey = key;
    }
  }

  valueStart(depth: number, kind: "container" | "string" | "word", container?: Container): void {
    const rank = this.#argumentsRankAt(depth);
    if (rank === 0 || rank < this.#argumentsRank) return;
    if (this.#argumentsRank > 0) this.#forgetArguments();
    this.#argumentsRank = rank;
    this.#capturingDepth = depth;
    if (kind !== "container") return;
    this.#argumentsRoot = container;
    this.#argumentsLevel = depth;
    this.reader.strict.capturing = true;
  }

  valueEnd(depth: number, value: unknown, text?: string): void {
    if (depth === this.#capturingDepth) {
      this.#capturingDepth = -1;
      this.#endArguments(value, text);
      return;
    }
    const rank = this.#nameRankAt(depth);
    if (rank === 0 || rank < this.#nameRank) return;
    if (typeof value !== "string") {
      // `function` holding an object is the wrapper; a name that is no string names nothing.
      if (rank === functionAsNameRank) return;
      this.#name = undefined;
    } else {
      this.#name = value;
    }
    this.#nameRank = rank;
    this.flush();
  }

  /** Passes on what was captured since the last time, if it is known whose it is. */
  flush(): void {
    const name = this.#name ?? this.#settings.onlyTool;
    if (name === undefined || (this.#name === undefined && this.#argumentsRoot === undefined)) return;
    if (this.id === undefined) {
      this.id = this.#settings.nextId();
      this.#startedAs = name;
      this.#settings.stream.start(this.id, name, false);
    } else if (this.#restarted) {
      this.#settings.stream.start(this.id, name, true);
    }
    this.#restarted = false;
    const captured = this.#written + this.reader.strict.take();
    this.#written = "";
    if (captured === "") return;
    this.#sent += captured;
    this.#settings.stream.delta(this.id, this.#startedAs ?? name, captured, this);
  }

  /** The arguments as far as they are written: a copy. */
  get partial(): unknown {
    if (!this.#argumentsRoot) return this.#args;
    const copy = copyOf(this.#argumentsRoot);
    if (this.#capturingDepth < 0) return copy;
    const { path, text } = this.reader.openPath(this.#argumentsLevel);
    if (text === undefined) return copy;
    let place: Container = copy as Container;
    for (const key of path.slice(0, -1)) {
      place = (Array.isArray(place) ? place[place.length - 1] : ownValue(place, key)) as Container;
    }
    if (Array.isArray(place)) place.push(text);
    else setOwn(place, path[path.length - 1] as string, text);
    return copy;
  }

  /** The name, once it is written. */
  get name(): string | undefined {
    return this.#name;
  }

  /** Whether this is a whole object that has arguments and lacks only a name. */
  get lacksName(): boolean {
    return this.#name === undefined && this.#nameRank === 0 && this.#argumentsRank > 0;
  }

  /** After the reader is done. Undefined: the object does not say which tool it calls. */
  finish(): BuiltCall | undefined {
    const name = this.#name;
    if (name === undefined) return undefined;
    const hasArguments = this.#argumentsRank > 0;
    if (!hasArguments) {
      this.#args = {};
      this.#written = "{}";
      this.#repaired = true;
    }
    if (this.#argumentsRank < rankOfArguments || this.#nameRank < rankOfName) this.#repaired = true;
    this.flush();
    return {
      id: this.id as string,
      name,
      arguments: this.#args,
      argumentsText: this.#sent,
      repaired: this.#repaired || this.reader.repaired,
      hasBigInt: this.#hasBigInt || this.reader.hasBigInt,
      tooLarge: this.#tooLarge ?? this.reader.tooLarge,
      hasArguments,
    };
  }

  #argumentsRankAt(depth: number): number {
    if (depth === 1) {
      if (this.#outerKey === (this.#settings.keys?.arguments ?? "arguments")) return rankOfArguments;
      return this.#outerKey === "parameters" || this.#outerKey === "arguments" ? parametersRank : 0;
    }
    if (depth !== 2 || this.#outerKey !== "function") return 0;
    return this.#innerKey === "arguments"
      ? wrappedArgumentsRank
      : this.#innerKey === "parameters"
        ? wrappedParametersRank
        : 0;
  }

  #nameRankAt(depth: number): number {
    if (depth === 1)
      return this.#outerKey === (this.#settings.keys?.name ?? "name")
        ? rankOfName
        : this.#outerKey === "function"
          ? functionAsNameRank
          : 0;
    return depth === 2 && this.#outerKey === "function" && this.#innerKey === "name" ? wrappedNameRank : 0;
  }

  #forgetArguments(): void {
    this.reader.strict.take();
    this.#written = "";
    this.#args = undefined;
    this.#argumentsRoot = undefined;
    if (this.#sent !== "") this.#restarted = true;
    this.#sent = "";
  }

  #endArguments(value: unknown, text: string | undefined): void {
    this.reader.strict.capturing = false;
    this.#args = value;
    if (typeof value === "string") this.#unwrapString(value);
    else if (value === null) {
      this.#args = {};
      this.#written = "{}";
      this.#repaired = true;
    } else if (text !== undefined) this.#written = text;
    this.flush();
  }

  /** Arguments written as a string that holds JSON, as the OpenAI API has them. */
  #unwrapString(text: string): void {
    const inner = new TolerantJson();
    inner.strict.capturing = true;
    const start = skipSpace(text, 0);
    const end = inner.feed(text, start);
    if (start === text.length) {
      this.#args = {};
      this.#written = "{}";
      this.#repaired = true;
    } else if (
      inner.status === "done" &&
      typeof inner.value === "object" &&
      inner.value !== null &&
      skipSpace(text, end) === text.length
    ) {
      this.#args = inner.value;
      this.#written = inner.strict.take();
      this.#hasBigInt ||= inner.hasBigInt;
      this.#tooLarge = inner.tooLarge;
      this.#repaired = true;
    } else {
      this.#written = JSON.stringify(text);
    }
  }
}
