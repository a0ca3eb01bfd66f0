// The thought at the beginning of a reply: what stands between its tags is reasoning and no part of the answer.
// Templates may begin it themselves: the opening tag is then the end of the prompt, and the model writes only its end.
import type { PromptPart } from "../engine/engine.js";
import { heldBack } from "./calls/common_text.js";

/** How a model marks its thoughts. */
export interface ThoughtTags {
  /** Neither tag is empty, nor begins or ends with white space. */
  readonly opening: string;
  readonly closing: string;
  /** What comes between a thought's end and the text of the answer, such as the name of its channel. */
  readonly answer: string;
  /** From a thought's end to the text of the answer, white space included: how the model's template writes it. */
  readonly end: string;
  /** Calls stand inside thoughts, and the turn ends with them: no closing tag comes before. Defaults to false. */
  readonly holdsCalls?: boolean | undefined;
}

export const thinkTags: ThoughtTags = {
  opening: "<think>",
  closing: "</think>",
  answer: "",
  end: "\n</think>\n\n",
};

/** Whether what follows this prompt is reasoning. */
export function endsInThought(prompt: readonly PromptPart[], { opening }: ThoughtTags): boolean {
  return promptEnd(prompt, opening.length).trimEnd().endsWith(opening);
}

/** Text that a prompt ends with, of at least so many characters besides white space, as far as it has any. */
export function promptEnd(prompt: readonly PromptPart[], length: number): string {
  let end = "";
  for (let index = prompt.length - 1; index >= 0 && end.trim().length < length; index--) {
    const part = prompt[index]!;
    if ("tokens" in part) return "";
    end = ("text" in part ? part.text : part.control) + end;
  }
  return end;
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

  readonly #tags: ThoughtTags;
  readonly #openings: readonly string[];

  /** `isOpen`: the prompt ends in a thought. `openings`: texts with which calls begin. */
  constructor(isOpen: boolean, tags: ThoughtTags = thinkTags, openings: readonly string[] = []) {
    this.#tags = tags;
    this.#openings = tags.holdsCalls === true ? openings.map((one) => one.trim()) : [];
    this.found = isOpen;
    this.#state = isOpen ? "inside" : "before";
  }

  read(piece: string): ThoughtPiece {
    if (this.#state === "over") return { reasoning: "", text: piece };
    const { opening, closing, answer } = this.#tags;
    let rest = this.#held + piece;
    let reasoning = "";
    this.#held = "";
    if (this.#state === "before") {
      const begin = rest.trimStart();
      if (begin !== "" && closing.startsWith(begin) && begin !== closing) {
        this.#held = rest;
        return { reasoning, text: "" };
      }
      // Some end a thought that they did not begin.
      const isEmptyThought = begin.startsWith(closing);
      if (isEmptyThought) rest = begin;
      else if (!begin.startsWith(opening)) {
        // The channel of an answer without a thought: the prompt has the beginning of its name.
        const name = answerNames(answer).find((one) => begin.startsWith(one) || one.startsWith(begin));
        if (opening.startsWith(begin) || (name !== undefined && begin.length < name.length)) this.#held = rest;
        else this.#state = "over";
        if (this.#held !== "") return { reasoning, text: "" };
        return { reasoning, text: name === undefined ? rest : begin.slice(name.length).trimStart() };
      }
      this.#state = "inside";
      this.found = true;
      if (!isEmptyThought) rest = begin.slice(opening.length);
    }
    if (this.#state === "inside") {
      if (this.#isEmpty) rest = rest.trimStart();
      const ends = [closing, ...this.#openings].map((text) => ({ text, at: rest.indexOf(text) }));
      const end = ends.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at)[0];
      const held = end === undefined ? Math.max(...ends.map(({ text }) => heldBack(rest, text))) : 0;
      const shown = rest.slice(0, end?.at ?? rest.length - held).trimEnd();
      if (shown !== "") this.#isEmpty = false;
      reasoning = shown;
      if (end === undefined) {
        this.#held = rest.slice(shown.length);
        return { reasoning, text: "" };
      }
      if (end.text !== closing) {
        this.#state = "over";
        return { reasoning, text: rest.slice(end.at) };
      }
      this.#state = "behind";
      rest = rest.slice(end.at + closing.length);
    }
    rest = rest.trimStart();
    if (answer !== "" && rest !== "") {
      if (rest.length < answer.length && answer.startsWith(rest)) {
        this.#held = rest;
        return { reasoning, text: "" };
      }
      if (rest.startsWith(answer)) rest = rest.slice(answer.length).trimStart();
      this.#state = "over";
    }
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

/** The ends of a channel's name that begin with a marker: a prompt may have what is before them. */
function answerNames(answer: string): string[] {
  return [...answer.matchAll(/[<[]/g)].map(({ index }) => answer.slice(index));
}
