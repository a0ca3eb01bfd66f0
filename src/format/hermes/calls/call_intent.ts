// Watches whether a reply is nothing but calls in a form that no parser takes for calls: Python's, or JSON whose
// arguments are wrong.

import { isSpace } from "../json/character_classes.js";
import { UntaggedCall } from "./untagged_call.js";

const longestName = 256;
const quotes = "\"'";
const closers = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);

type Stage = "start" | "fence" | "item" | "name" | "arguments" | "string" | "behind" | "closing";

export class CallIntent {
  readonly #names: readonly string[];
  readonly #json = new UntaggedCall();
  #mayBePython = true;
  #stage: Stage = "start";
  #fence = "";
  #isList = false;
  #name = "";
  #quote = "";
  #isEscaped = false;
  readonly #open: string[] = [];

  /** `names` of the tools. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** False: it is something else. Until then the text must be held back. */
  get isPossible(): boolean {
    return this.#mayBePython || this.#json.status === "reading";
  }

  feed(text: string): void {
    this.#json.feed(text);
    for (let at = 0; at < text.length && this.#mayBePython; at++) this.#mayBePython = this.#take(text[at] as string);
  }

  /** The text ended. Whether it is calls of given tools; `isWrong` judges JSON's arguments. */
  finish(isWrong: (name: string, args: unknown) => boolean): boolean {
    const isPython = this.#stage === "behind" || (this.#stage === "closing" && this.#fence.endsWith("```"));
    if (this.#mayBePython && isPython && !this.#isList) return true;
    const call = this.#json.finish();
    return call !== undefined && this.#names.includes(call.name) && isWrong(call.name, call.arguments);
  }

  /** Whether it may still be calls in Python. */
  #take(character: string): boolean {
    const space = isSpace(character.charCodeAt(0));
    switch (this.#stage) {
      case "start":
        if (space) return true;
        if (character === "`" && this.#fence === "") return this.#go("fence", "`");
        if (character !== "[") return this.#startName(character);
        this.#isList = true;
        return this.#go("item");
      case "fence":
        if (space) return /^`{3}[\w+-]*$/.test(this.#fence) && this.#go("start");
        this.#fence += character;
        return this.#fence.length <= 24;
      case "item":
        return space || this.#startName(character);
      case "name":
        if (character === "(" && this.#names.includes(this.#name)) {
          this.#open.push(")");
          return this.#go("arguments");
        }
        return this.#startName(this.#name + character);
      case "arguments":
        return this.#takeArgument(character);
      case "string":
        if (this.#isEscaped || character === "\\") this.#isEscaped = !this.#isEscaped;
        else if (character === this.#quote) this.#stage = "arguments";
        return true;
      case "behind":
        if (space) return true;
        if (this.#isList && character === "]") {
          this.#isList = false;
          return true;
        }
        if (character === ",") return this.#isList && this.#go("item");
        if (character === "`") return this.#fence.startsWith("```") && !this.#isList && this.#go("closing", "`");
        return !this.#isList && this.#startName(character);
      case "closing":
        this.#fence += character;
        return space || character === "`";
    }
  }

  #go(stage: Stage, fence = this.#fence): true {
    this.#stage = stage;
    this.#fence = fence;
    return true;
  }

  #startName(name: string): boolean {
    this.#name = name;
    this.#stage = "name";
    return name.length <= longestName && this.#names.some((one) => one.startsWith(name));
  }

  #takeArgument(character: string): boolean {
    const closer = closers.get(character);
    if (closer !== undefined) this.#open.push(closer);
    else if (quotes.includes(character)) {
      this.#quote = character;
      this.#stage = "string";
    } else if (")]}".includes(character)) {
      if (this.#open.pop() !== character) return false;
      if (this.#open.length === 0) this.#stage = "behind";
    }
    return true;
  }
}
