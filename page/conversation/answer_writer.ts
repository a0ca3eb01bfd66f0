// Builds an answer from the chunks of its stream.
import type { ChatChunk } from "../server/chat_stream.js";
import type { AnswerEntry, Call } from "./entry.js";

export class AnswerWriter {
  #answer: AnswerEntry;
  readonly #begun = performance.now();
  #firstAt = 0;
  #lastAt = 0;

  constructor(answer: AnswerEntry) {
    this.#answer = answer;
  }

  /** The answer so far. */
  get answer(): AnswerEntry {
    return this.#answer;
  }

  read({ choices: [choice], usage }: ChatChunk): void {
    if (choice !== undefined) {
      const { content, reasoning_content: reasoning, tool_calls: calls = [] } = choice.delta;
      if (content || reasoning || calls.length > 0) this.#seen();
      this.#set({ text: this.#answer.text + (content ?? ""), reasoning: this.#answer.reasoning + (reasoning ?? "") });
      for (const call of calls) this.#readCall(call.index, call.id, call.function?.name, call.function?.arguments);
      if (choice.finish_reason === "length") this.#set({ note: "Cut off: it reached its longest length." });
    }
    if (usage == null) return;
    const generatedTokens = usage.completion_tokens;
    const seconds = (this.#lastAt - this.#firstAt) / 1000;
    this.#set({
      numbers: {
        promptTokens: usage.prompt_tokens,
        cachedTokens: usage.prompt_tokens_details.cached_tokens,
        generatedTokens,
        firstTokenMs: this.#firstAt - this.#begun,
        tokensPerSecond: seconds > 0 && generatedTokens > 1 ? (generatedTokens - 1) / seconds : 0,
      },
    });
  }

  finish(): void {
    this.#set({ state: "done", calls: this.#answer.calls.map((call) => ({ ...call, state: "running" })) });
  }

  /** Without a note, the answer counts as stopped. */
  fail(note: string | undefined): void {
    this.#set({
      state: note === undefined ? "stopped" : "failed",
      note: note ?? "",
      calls: this.#answer.calls.map((call) => ({ ...call, state: "left" })),
    });
  }

  #readCall(index: number, id?: string, name?: string, more = ""): void {
    const calls = [...this.#answer.calls];
    const call: Call = calls[index] ?? {
      id: id ?? "",
      name: name ?? "",
      argumentsText: "",
      state: "writing",
      result: "",
    };
    calls[index] = { ...call, argumentsText: call.argumentsText + more };
    this.#set({ calls });
  }

  #seen(): void {
    this.#lastAt = performance.now();
    if (this.#firstAt === 0) this.#firstAt = this.#lastAt;
  }

  #set(change: Partial<AnswerEntry>): void {
    this.#answer = { ...this.#answer, ...change };
  }
}
