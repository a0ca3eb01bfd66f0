// `caduceus chat`: a conversation in the terminal, or one answer where there is no terminal to converse in.
import { createInterface, type Interface } from "node:readline";
import type { Chat, Model } from "../index.js";
import { historySize, readHistory, writeHistory } from "./history.js";
import { conversation, replyOptions, type ModelFlags } from "./model_flags.js";
import { readInput } from "./run_command.js";
import { note, withModel, writeAnswer } from "./terminal.js";

export async function chatCommand(question: string, flags: ModelFlags, ending: AbortSignal): Promise<void> {
  if (question !== "" || !process.stdin.isTTY) return answerOnce(question, flags, ending);
  await withModel(flags, ending, async (model) => {
    note(`${model.info.name ?? model.info.description}. /help lists commands, Ctrl-D leaves.`);
    await new Conversation(model, flags, ending).run();
  });
  ending.throwIfAborted();
}

async function answerOnce(question: string, flags: ModelFlags, ending: AbortSignal): Promise<void> {
  const prompt = question === "" ? await readInput(ending) : question;
  if (prompt.trim() === "") return note("Nothing was asked.");
  await withModel(flags, ending, async (model) => {
    await writeAnswer(model.reply(conversation(prompt, flags), { ...replyOptions(flags), signal: ending }));
  });
}

const help = `/clear   forgets the conversation
/help    shows this
/exit    leaves, as Ctrl-D does
Ctrl-C stops a reply; at the prompt it clears the line, and leaves when that is empty.`;

class Conversation {
  readonly #model: Model;
  readonly #flags: ModelFlags;
  readonly #ending: AbortSignal;
  readonly #lines: Interface;
  #chat: Chat;
  /** The reply under way. */
  #replying: AbortController | undefined;
  #hasLeft = false;

  constructor(model: Model, flags: ModelFlags, ending: AbortSignal) {
    this.#model = model;
    this.#flags = flags;
    this.#ending = ending;
    this.#chat = this.#begin();
    // Standard error where it is the terminal, so that standard output holds answers alone.
    const output = process.stderr.isTTY ? process.stderr : process.stdout;
    this.#lines = createInterface({ input: process.stdin, output, prompt: "> ", history: readHistory(), historySize, removeHistoryDuplicates: true });
    this.#lines.on("history", (lines: string[]) => writeHistory(lines));
    this.#lines.on("SIGINT", () => this.#interrupt());
    ending.addEventListener("abort", () => this.#lines.close(), { once: true });
  }

  #begin(): Chat {
    return this.#model.chat({ ...replyOptions(this.#flags), system: this.#flags.system });
  }

  /** Until the person leaves. Lines typed during a reply wait for its end. */
  async run(): Promise<void> {
    const lines = this.#lines[Symbol.asyncIterator]();
    this.#lines.once("close", () => {
      this.#hasLeft = true;
      this.#replying?.abort();
    });
    // A prompt after the end would read standard input again, and nothing would end the process.
    while (!this.#hasLeft) {
      this.#lines.prompt();
      const { done, value } = await lines.next();
      if (done) break;
      const line = value.trim();
      if (line === "/exit" || line === "/quit") break;
      if (line.startsWith("/")) await this.#command(line);
      else if (line !== "") await this.#answer(line);
    }
    this.#lines.close();
    process.stderr.write("\n");
  }

  async #command(line: string): Promise<void> {
    if (line === "/clear" || line === "/reset") {
      await this.#chat.close();
      this.#chat = this.#begin();
      note("The conversation is forgotten.");
    } else {
      note(line === "/help" ? help : `There is no command ${line}.\n${help}`);
    }
  }

  async #answer(question: string): Promise<void> {
    const replying = (this.#replying = new AbortController());
    try {
      await writeAnswer(this.#chat.send(question, { signal: replying.signal }));
    } catch (error) {
      this.#ending.throwIfAborted();
      if (!replying.signal.aborted) {
        // A question that is too long, for example; the conversation goes on.
        note(error instanceof Error ? error.message : String(error));
      } else {
        note("(stopped; this turn is not part of the conversation)");
      }
    } finally {
      this.#replying = undefined;
    }
  }

  #interrupt(): void {
    if (this.#replying !== undefined && !this.#replying.signal.aborted) {
      this.#replying.abort();
    } else if (this.#replying === undefined && this.#lines.line !== "") {
      this.#lines.write(null, { ctrl: true, name: "e" });
      this.#lines.write(null, { ctrl: true, name: "u" });
    } else {
      this.#lines.close();
    }
  }
}

