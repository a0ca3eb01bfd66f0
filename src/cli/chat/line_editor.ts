// The line at the bottom of the terminal: what the person types or pastes, and questions to them in between.
import { createInterface, type Interface } from "node:readline";
import { historySize, writeHistory } from "./history.js";
import { LineJoiner } from "./line_joiner.js";

export interface LineEditorOptions {
  /** What was typed in earlier chats, newest first. */
  readonly history: string[];
  /** What a typed line may go on with, and which part of it that replaces. */
  readonly complete: (line: string) => [string[], string];
  /** Ctrl-C at an empty line, or while something else runs. */
  readonly onInterrupt: () => void;
  readonly onClose: () => void;
}

const prompt = "> ";
const furtherPrompt = ". ";
/** Terminals then say where a paste begins and ends. */
const [pasteOn, pasteOff] = ["\u001b[?2004h", "\u001b[?2004l"];

export class LineEditor {
  readonly #lines: Interface;
  readonly #output: NodeJS.WriteStream;
  readonly #marksPastes: boolean;
  readonly #joiner = new LineJoiner();
  /** Typed before anybody asked for them. */
  readonly #early: string[] = [];
  #waiting: ((typed: string | undefined) => void) | undefined;
  #answer: ((line: string | undefined) => void) | undefined;
  /** Ctrl-C leaves the question without an answer. */
  #canSkip = false;
  /** The last question, since two are never asked at once. */
  #asked: Promise<unknown> = Promise.resolve();
  #isPasting = false;
  #isClosed = false;

  constructor({ history, complete, onInterrupt, onClose }: LineEditorOptions) {
    // Standard error where it is the terminal, so that standard output holds answers alone.
    this.#output = process.stderr.isTTY ? process.stderr : process.stdout;
    this.#marksPastes = process.env["TERM"] !== "dumb";
    this.#lines = createInterface({
      input: process.stdin,
      output: this.#output,
      prompt,
      history,
      historySize,
      removeHistoryDuplicates: true,
      // A tab in a paste is a tab.
      completer: (line: string) => (this.#isPasting ? [["\t"], ""] : complete(line)),
    });
    process.stdin.on("keypress", this.#onKey);
    this.#lines.on("line", (line) => this.#onLine(line));
    this.#lines.on("history", (lines: string[]) => {
      if (this.#answer === undefined) writeHistory(lines);
      else lines.shift();
    });
    this.#lines.on("SIGINT", () => this.#onInterrupt(onInterrupt));
    // With a listener readline leaves stopping to it; by itself it never reads on afterwards.
    this.#lines.on("SIGTSTP", () => this.#stop());
    process.on("SIGCONT", this.#onContinue);
    // A terminal that is gone.
    this.#lines.on("error", () => this.#lines.close());
    this.#lines.once("close", () => {
      this.#isClosed = true;
      process.stdin.off("keypress", this.#onKey);
      process.off("SIGCONT", this.#onContinue);
      if (this.#marksPastes) this.#output.write(pasteOff);
      this.#waiting?.(undefined);
      this.#answer?.(undefined);
      onClose();
    });
    if (this.#marksPastes) this.#output.write(pasteOn);
  }

  /** The next input, several lines perhaps. Undefined when the person has left. */
  async next(): Promise<string | undefined> {
    // A prompt after the end would read standard input again, and nothing would end the process.
    if (this.#isClosed) return undefined;
    this.#lines.prompt();
    const early = this.#early.shift();
    if (early !== undefined) return early;
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  /**
   * One line in answer to a question; nothing that was typed before counts. Undefined when the person has left; rejects
   * with the signal's reason. Without a signal, Ctrl-C is an empty answer.
   */
  ask(question: string, signal?: AbortSignal): Promise<string | undefined> {
    const asked = this.#asked.then(() => this.#ask(question, signal));
    this.#asked = asked.catch(() => {});
    return asked;
  }

  async #ask(question: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    signal?.throwIfAborted();
    if (this.#isClosed) return undefined;
    this.#clearLine();
    this.#lines.setPrompt(question);
    this.#lines.prompt();
    try {
      return await new Promise((resolve, reject) => {
        this.#answer = resolve;
        this.#canSkip = signal === undefined;
        signal?.addEventListener(
          "abort",
          () => {
            this.#output.write("\n");
            reject(signal.reason);
          },
          { once: true },
        );
      });
    } finally {
      this.#answer = undefined;
      this.#lines.setPrompt(prompt);
    }
  }

  close(): void {
    this.#lines.close();
  }

  #onLine(line: string): void {
    if (this.#answer !== undefined) return this.#answer(line);
    const whole = this.#joiner.add(line, this.#isPasting);
    this.#lines.setPrompt(this.#joiner.isOpen ? furtherPrompt : prompt);
    if (whole === undefined) {
      if (this.#waiting !== undefined) this.#lines.prompt();
    } else if (this.#waiting !== undefined) {
      this.#waiting(whole);
      this.#waiting = undefined;
    } else {
      this.#early.push(whole);
    }
  }

  readonly #onKey = (_: string | undefined, key: { readonly name?: string } | undefined): void => {
    if (key?.name === "paste-start") this.#isPasting = true;
    if (key?.name === "paste-end") this.#isPasting = false;
  };

  /** Ctrl-Z: as a terminal does it that is not in raw mode, for all processes of the job. */
  #stop(): void {
    // No shell on Windows continues anything.
    if (process.platform === "win32") return;
    if (this.#marksPastes) this.#output.write(pasteOff);
    process.stdin.setRawMode(false);
    process.kill(0, "SIGTSTP");
    // Here again when it was continued; at once where the system stops nothing, since there is nobody who could
    // continue it.
    this.#onContinue();
  }

  /** By `fg`, and after a stop that came from outside. The shell had the terminal meanwhile. */
  readonly #onContinue = (): void => {
    // Where nothing can be drawn, the terminal edits lines itself.
    if (!this.#lines.terminal) return;
    // Twice, since Node sets no mode that it believes is set.
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
    if (this.#marksPastes) this.#output.write(pasteOn);
    if (this.#waiting !== undefined || this.#answer !== undefined) this.#lines.prompt(true);
  };

  #onInterrupt(otherwise: () => void): void {
    if (this.#answer !== undefined && this.#canSkip) return this.#answer("");
    if (this.#waiting === undefined || (this.#lines.line === "" && !this.#joiner.isOpen)) return otherwise();
    this.#joiner.reset();
    this.#clearLine();
    this.#lines.setPrompt(prompt);
    this.#lines.prompt();
  }

  #clearLine(): void {
    if (this.#lines.line === "") return;
    this.#lines.write(null, { ctrl: true, name: "e" });
    this.#lines.write(null, { ctrl: true, name: "u" });
  }
}
