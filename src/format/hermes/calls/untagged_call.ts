// Watches whether a reply is nothing but one object, bare or in one code fence: a call whose tag the model left out.

import { CallBuilder } from "./call_builder.js";
import type { BuiltCall } from "./call_builder.js";
import { isSpace } from "../json/character_classes.js";

const longestLanguage = 24;
const endMark = "<|im_end|>";

type Stage = "start" | "fence" | "object" | "behind" | "closing" | "mark";

export class UntaggedCall {
  /** `no`: it is something else. Until then the text must be held back. */
  status: "reading" | "no" = "reading";
  #stage: Stage = "start";
  #fence = "";
  #fenced = false;
  #ticks = 0;
  #mark = 0;
  readonly #builder: CallBuilder;

  constructor() {
    // Held back to the end, so nothing of it is streamed.
    this.#builder = new CallBuilder(
      { nextId: () => "", onlyTool: undefined, stream: { start() {}, delta() {} } },
      false,
    );
  }

  feed(text: string): void {
    let i = 0;
    while (i < text.length && this.status === "reading") {
      if (this.#stage === "object") {
        i = this.#builder.reader.feed(text, i);
        this.#builder.flush();
        const { status } = this.#builder.reader;
        if (status === "done") this.#stage = "behind";
        else if (status !== "reading") this.status = "no";
      } else if (this.#stage === "start" && text.charCodeAt(i) === 123) {
        this.#stage = "object";
      } else {
        this.#step(text.charCodeAt(i));
        i++;
      }
    }
  }

  /** The call, when the text ended right behind its object. */
  finish(): BuiltCall | undefined {
    if (this.status === "no") return undefined;
    const whole =
      this.#stage === "behind" ||
      (this.#stage === "closing" && this.#ticks >= 3) ||
      (this.#stage === "mark" && this.#mark === endMark.length);
    if (!whole) return undefined;
    const call = this.#builder.finish();
    return call?.hasArguments ? call : undefined;
  }

  #step(code: number): void {
    const space = isSpace(code);
    switch (this.#stage) {
      case "start":
        if (space) return;
        if (code !== 96 || this.#fenced) break;
        this.#stage = "fence";
        this.#fence = "`";
        return;
      case "fence":
        if (space && /^`{3,}[\w+-]*$/.test(this.#fence)) {
          this.#fenced = true;
          this.#stage = "start";
          return;
        }
        if (this.#fence.length > longestLanguage || space) break;
        this.#fence += String.fromCharCode(code);
        return;
      case "behind":
        if (space) return;
        if (code === 96 && this.#fenced && this.#ticks === 0) {
          this.#stage = "closing";
          this.#ticks = 1;
          return;
        }
        if (code !== 60) break;
        this.#stage = "mark";
        this.#mark = 1;
        return;
      case "closing":
        if (code === 96) {
          this.#ticks++;
          return;
        }
        if (this.#ticks < 3) break;
        this.#stage = "behind";
        this.#step(code);
        return;
      case "mark":
        if (this.#mark === endMark.length ? space : code === endMark.charCodeAt(this.#mark)) {
          if (this.#mark < endMark.length) this.#mark++;
          return;
        }
        break;
      case "object":
        return;
    }
    this.status = "no";
  }
}
