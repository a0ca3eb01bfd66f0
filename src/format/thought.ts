// The thought at the beginning of a reply: what stands in `<think>…</think>` is reasoning and no part of the answer.
// Templates may begin it themselves: `<think>` is then the end of the prompt, and the model writes only its end.
import type { PromptPart } from "../engine/engine.js";

const opening = "<think>";
const closing = "</think>";

/** Whether what follows this prompt is reasoning. */
export function endsInThought(prompt: readonly PromptPart[]): boolean {
  let end = "";
  for (let index = prompt.length - 1; index >= 0 && end.trim().length < opening.length; index--) {
    const part = prompt[index]!;
    if ("tokens" in part) return false;
    end = ("text" in part ? part.text : part.control) + end;
  }
  return end.trimEnd().endsWith(opening);
}

/** A piece of a reply, divided. */
export interface ThoughtPiece {
  readonly reasoning: string;
  readonly text: string;
}

/** Divides a reply, in pieces of any size, into its thought and what follows. White space around the tags is dropped. */
export class ThoughtReader {
  #state: "before" | "inside" | "behind" | "over";
  /** White space and the beginning of a tag, whose meaning what follows decides. */
  #held = "";
  #isEmpty = true;
  /** Whether there was a thought, even an empty one. */
  found: boolean;

  /** `isOpen`: the prompt ends in a thought. */
  constructor(isOpen: boolean) {
    this.found = isOpen;
    this.#state = isOpen ? "inside" : "before";
  }

  read(piece: string): ThoughtPiece {
    if (this.#state === "over") return { reasoning: "", text: piece };
    let rest = this.#held + piece;
    let reasoning = "";
    this.#held = "";
    if (this.#state === "before") {
      const begin = rest.trimStart();
      if (!begin.startsWith(opening)) {
        if (opening.startsWith(begin)) this.#held = rest;
        else this.#state = "over";
        return { reasoning, text: this.#held === "" ? rest : "" };
      }
      this.#state = "inside";
      this.found = true;
      rest = begin.slice(opening.length);
    }
    if (this.#state === "inside") {
      if (this.#isEmpty) rest = rest.trimStart();
      const end = rest.indexOf(closing);
      const shown = (end < 0 ? rest.slice(0, rest.length - beginOfTag(rest)) : rest.slice(0, end)).trimEnd();
      if (shown !== "") this.#isEmpty = false;
      reasoning = shown;
      if (end < 0) {
        this.#held = rest.slice(shown.length);
        return { reasoning, text: "" };
      }
      this.#state = "behind";
      rest = rest.slice(end + closing.length);
    }
    rest = rest.trimStart();
    if (rest !== "") this.#state = "over";
    return { reasoning, text: rest };
  }

  /** The reply has ended. */
  end(): ThoughtPiece {
    const held = this.#held;
    this.#held = "";
    return this.#state === "inside" ? { reasoning: held.trimEnd(), text: "" } : { reasoning: "", text: held };
  }
}

/** Length of the longest end of a text that may be the beginning of the closing tag. */
function beginOfTag(text: string): number {
  for (let length = Math.min(closing.length - 1, text.length); length > 0; length--)
    if (text.endsWith(closing.slice(0, length))) return length;
  return 0;
}
