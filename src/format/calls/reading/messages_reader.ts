// Divides a reply whose thought, texts and calls are messages of their own, in pieces of any size: markup of messages
// is no text. Calls are passed on as they were written.
import type { TurnMessages } from "../../../engine/call_format.js";
import type { ThoughtPiece, ThoughtTags } from "../../thought.js";
import { skipSpace } from "../../hermes/json/character_classes.js";
import { heldBack } from "../common_text.js";

export class MessagesReader {
  /** Whether there was a thought, even an empty one, or a text before another message. */
  found = false;
  readonly #messages: TurnMessages;
  readonly #thought: Pick<ThoughtTags, "opening" | "closing"> | undefined;
  /** What a message may begin with. */
  readonly #beginnings: readonly string[];
  #state: "beginning" | "thought" | "text" | "behind" | "call" | "over";
  /** What has been pushed and not been read. */
  #rest = "";
  /** What has been read of the beginning of a message. */
  #before = "";
  #isEmpty = true;
  #hasText = false;
  #isEnd = false;

  /** `openings`: texts with which calls begin. `state`: where the prompt ends. */
  constructor(
    messages: TurnMessages,
    thought: ThoughtTags | undefined,
    openings: readonly string[],
    state: "beginning" | "thought" | "text",
  ) {
    this.#messages = messages;
    this.#thought = thought;
    const calls = openings.filter((opening) => messages.next === "" || !opening.startsWith(messages.next));
    const beginnings = [...(thought === undefined ? [] : [thought.opening]), ...messages.texts, ...calls];
    this.#beginnings = beginnings.map((one) => one.trimStart());
    this.#state = state;
    this.found = state === "thought";
  }

  read(piece: string): ThoughtPiece {
    this.#rest += piece;
    const out = { reasoning: "", text: "" };
    while (this.#step(out));
    return out;
  }

  /** The reply has ended. */
  end(): ThoughtPiece {
    this.#isEnd = true;
    const { reasoning, text } = this.read("");
    const rest = this.#before + this.#rest;
    this.#before = this.#rest = "";
    return this.#state === "thought"
      ? { reasoning: reasoning + rest.trimEnd(), text }
      : { reasoning, text: text + (rest.trim() === "" && this.#state !== "text" ? "" : rest) };
  }

  /** Whether there is more to read. */
  #step(out: { reasoning: string; text: string }): boolean {
    switch (this.#state) {
      case "beginning":
        return this.#begin(out);
      case "thought":
        return this.#think(out);
      case "text":
        return this.#readText(out);
      case "behind":
        return this.#next();
      case "call":
        return this.#passOn(out);
      case "over":
        this.#rest = "";
        return false;
    }
  }

  /** What the model writes behind its last message is no part of it. */
  #endTurn(): boolean {
    this.found = true;
    this.#state = "over";
    return true;
  }

  #begin(out: { text: string }): boolean {
    const rest = this.#rest.trimStart();
    const { texts, turnEnd } = this.#messages;
    if (turnEnd !== undefined && rest.startsWith(turnEnd)) return this.#endTurn();
    const [opening, ...beginnings] = [this.#thought?.opening, ...texts].map((one) => one?.trimStart());
    if (opening !== undefined && rest.startsWith(opening)) return this.#enter("thought", rest.slice(opening.length));
    const text = beginnings.find((one) => one !== undefined && rest.startsWith(one));
    if (text !== undefined) {
      if (this.#hasText) out.text += "\n";
      return this.#enter("text", rest.slice(text.length));
    }
    if (!this.#isEnd && [opening, ...beginnings, turnEnd].some((one) => one?.startsWith(rest))) return false;
    out.text += this.#before;
    return this.#enter("call", this.#rest);
  }

  #enter(state: "thought" | "text" | "call", rest: string): boolean {
    if (state === "thought" || this.#hasText) this.found = true;
    this.#state = state;
    this.#rest = rest;
    this.#before = "";
    this.#isEmpty = true;
    return rest !== "";
  }

  #think(out: { reasoning: string }): boolean {
    const { closing } = this.#thought as ThoughtTags;
    if (this.#isEmpty) this.#rest = this.#rest.trimStart();
    const rest = this.#rest;
    const end = rest.indexOf(closing);
    const shown = rest.slice(0, end < 0 ? rest.length - heldBack(rest, closing) : end).trimEnd();
    if (shown !== "") this.#isEmpty = false;
    out.reasoning += shown;
    this.#rest = end < 0 ? rest.slice(shown.length) : rest.slice(end + closing.length);
    if (end >= 0) this.#state = "behind";
    return end >= 0;
  }

  #readText(out: { text: string }): boolean {
    const { textEnd, next } = this.#messages;
    const rest = this.#rest;
    const end = textEnd === "" ? this.#boundary(next) : rest.indexOf(textEnd);
    const to =
      end < 0 ? rest.length - Math.max(heldBack(rest, textEnd), textEnd === "" ? this.#waiting(next) : 0) : end;
    out.text += rest.slice(0, to);
    if (to > 0) this.#hasText = true;
    this.#rest = rest.slice(end < 0 ? to : end + textEnd.length);
    if (end >= 0) this.#state = "behind";
    return end >= 0;
  }

  /** A call goes on until a message begins. */
  #passOn(out: { text: string }): boolean {
    const { textEnd, next, turnEnd } = this.#messages;
    const separator = textEnd + next;
    const rest = this.#rest;
    const over = turnEnd === undefined ? -1 : rest.indexOf(turnEnd);
    const end = separator === "" ? -1 : this.#boundary(separator);
    if (over >= 0 && (end < 0 || over < end)) {
      out.text += rest.slice(0, over);
      return this.#endTurn();
    }
    const held = Math.max(this.#waiting(separator), this.#isEnd ? 0 : heldBack(rest, turnEnd ?? ""));
    const to = end < 0 ? rest.length - held : end;
    out.text += rest.slice(0, to);
    this.#rest = rest.slice(end < 0 ? to : end + textEnd.length);
    if (end >= 0) this.#state = "behind";
    return end >= 0;
  }

  /** Where `separator` stands before the beginning of a message; -1 where it does not. */
  #boundary(separator: string): number {
    const rest = this.#rest;
    for (let at = rest.indexOf(separator); at >= 0; at = rest.indexOf(separator, at + 1)) {
      const behind = skipSpace(rest, at + separator.length);
      if (this.#beginnings.some((one) => rest.startsWith(one, behind))) return at;
    }
    return -1;
  }

  /** How many characters at the end may be a separator before a message. */
  #waiting(separator: string): number {
    if (this.#isEnd || separator === "") return 0;
    const rest = this.#rest;
    const at = rest.lastIndexOf(separator);
    const behind = at < 0 ? "" : rest.slice(at + separator.length).trimStart();
    const mayBegin = at >= 0 && this.#beginnings.some((one) => one.startsWith(behind));
    return mayBegin ? rest.length - at : heldBack(rest, separator);
  }

  #next(): boolean {
    const { next } = this.#messages;
    const rest = this.#rest.trimStart();
    if (rest.startsWith(next) && (next !== "" || rest !== "")) {
      this.#before = next;
      this.#rest = rest.slice(next.length);
      this.#state = "beginning";
      return true;
    }
    if (rest === "" || (!this.#isEnd && next.startsWith(rest))) return false;
    this.#state = "call";
    return true;
  }
}
