// The output of a response: items, made of the segments of an answer, and the events that tell how they come.
import type { CloseEvent, DeltaEvent, OpenEvent, SegmentEvent } from "../answers/segments.js";
import type { TokenProbability } from "../../index.js";
import type { TokenTexts } from "../answers/token_texts.js";
import { newId, type Item } from "./response_store.js";
import type { ResponseTool } from "./response_tools.js";

export interface WriterOptions {
  readonly tools: ReadonlyMap<string, ResponseTool>;
  /** Reasoning comes as a summary. */
  readonly summarizes: boolean;
  readonly logprobs: boolean;
  readonly texts: TokenTexts;
}

/** The item that is being written. */
interface OpenItem {
  readonly id: string;
  readonly index: number;
  readonly tool: ResponseTool | undefined;
}

export class ResponseWriter {
  /** The items that are complete, or were cut off. */
  readonly output: Item[] = [];
  /** All text, which the answer is counted by. */
  reasoning = "";
  readonly #options: WriterOptions;
  #open: OpenItem | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** The events of a segment. */
  async *write(part: SegmentEvent): AsyncGenerator<object, void, undefined> {
    if (part.type === "open") yield* this.#begin(part);
    else if (part.type === "delta") yield* this.#more(part);
    else if (part.type === "close") yield* this.#end(part);
    // An answer without any text is a message without text.
    else if (!this.output.some(({ type }) => type !== "reasoning")) {
      const empty = { kind: "text", segment: this.output.length, id: "", name: "" } as const;
      yield* this.#begin({ type: "open", ...empty });
      yield* this.#end({ type: "close", ...empty, text: "", isComplete: true, logProbabilities: [] });
    }
  }

  *#begin({ kind, id: callId, name }: OpenEvent): Generator<object, void, undefined> {
    const tool = kind === "call" ? this.#options.tools.get(name) : undefined;
    const id = newId(kind === "text" ? "msg" : kind === "reasoning" ? "rs" : tool?.type === "custom" ? "ctc" : "fc");
    this.#open = { id, index: this.output.length, tool };
    const item =
      kind === "call"
        ? this.#call(callId, name, "", "in_progress")
        : kind === "text"
          ? message(id, [], "in_progress")
          : this.#thought("");
    yield this.#event("response.output_item.added", { item }, false);
    if (kind === "text") yield this.#part("added", textPart(""));
    if (kind === "reasoning") yield this.#part("added", this.#reasoningPart(""));
  }

  async *#more({ kind, text, logProbabilities }: DeltaEvent): AsyncGenerator<object, void, undefined> {
    // A custom tool's input stands in JSON, and is known when that is complete.
    if (kind === "call" && this.#open?.tool?.type === "custom") return;
    if (kind === "call") yield this.#event("response.function_call_arguments.delta", { delta: text });
    else if (kind === "reasoning") {
      if (text !== "") yield this.#event(`${this.#reasoningEvent}.delta`, { ...this.#reasoningIndex, delta: text });
    } else {
      const logprobs = await this.#logprobs(logProbabilities ?? []);
      if (text !== "" || logprobs.length > 0)
        yield this.#event("response.output_text.delta", { content_index: 0, delta: text, logprobs });
    }
  }

  async *#end({
    kind,
    id,
    name,
    text,
    isComplete,
    logProbabilities,
  }: CloseEvent): AsyncGenerator<object, void, undefined> {
    const { id: itemId, tool } = this.#open!;
    let item: Item;
    if (kind === "text") {
      const logprobs = await this.#logprobs(logProbabilities);
      const part = textPart(text, logprobs);
      yield this.#event("response.output_text.done", { content_index: 0, text, logprobs });
      yield this.#part("done", part);
      item = message(itemId, [part], "completed");
    } else if (kind === "reasoning") {
      this.reasoning += text;
      yield this.#event(`${this.#reasoningEvent}.done`, { ...this.#reasoningIndex, text });
      yield this.#part("done", this.#reasoningPart(text));
      item = this.#thought(text);
    } else {
      item = this.#call(id, name, text, isComplete ? "completed" : "incomplete");
      if (tool?.type === "custom") {
        const { input } = item as unknown as { input: string };
        yield this.#event("response.custom_tool_call_input.delta", { delta: input });
        yield this.#event("response.custom_tool_call_input.done", { input });
      } else yield this.#event("response.function_call_arguments.done", { name: tool?.name ?? name, arguments: text });
    }
    yield this.#event("response.output_item.done", { item }, false);
    this.output.push(item);
    this.#open = undefined;
  }

  #event(type: string, more: object, isOfItem = true): object {
    const { id, index } = this.#open!;
    return { type, ...(isOfItem ? { item_id: id } : {}), output_index: index, ...more };
  }

  #part(step: "added" | "done", part: { readonly type: string }): object {
    return part.type === "summary_text"
      ? this.#event(`response.reasoning_summary_part.${step}`, { summary_index: 0, part })
      : this.#event(`response.content_part.${step}`, { content_index: 0, part });
  }

  #call(callId: string, known: string, text: string, status: string): Item {
    const { id, tool } = this.#open!;
    const { name = known, namespace } = tool ?? {};
    const own = { id, status, call_id: callId, name, ...(namespace === undefined ? {} : { namespace }) };
    return tool?.type === "custom"
      ? { ...own, type: "custom_tool_call", input: inputOf(text) }
      : { ...own, type: "function_call", arguments: text };
  }

  #thought(text: string): Item {
    const parts = text === "" ? [] : [this.#reasoningPart(text)];
    const { summarizes } = this.#options;
    return {
      id: this.#open!.id,
      type: "reasoning",
      summary: summarizes ? parts : [],
      ...(summarizes ? {} : { content: parts }),
      encrypted_content: null,
    };
  }

  #reasoningPart(text: string) {
    return { type: this.#options.summarizes ? "summary_text" : "reasoning_text", text };
  }

  get #reasoningEvent(): string {
    return this.#options.summarizes ? "response.reasoning_summary_text" : "response.reasoning_text";
  }

  get #reasoningIndex(): object {
    return this.#options.summarizes ? { summary_index: 0 } : { content_index: 0 };
  }

  async #logprobs(tokens: readonly TokenProbability[]): Promise<object[]> {
    return this.#options.logprobs ? this.#options.texts.forChat(tokens) : [];
  }
}

const message = (id: string, content: readonly object[], status: string): Item => ({
  id,
  type: "message",
  status,
  role: "assistant",
  content,
});

const textPart = (text: string, logprobs: readonly object[] = []) => ({
  type: "output_text",
  text,
  annotations: [],
  logprobs,
});

/** Of arguments that may be cut off: then all of it is missing. */
function inputOf(argumentsText: string): string {
  try {
    const { input } = JSON.parse(argumentsText) as { readonly input?: unknown };
    return typeof input === "string" ? input : "";
  } catch {
    return "";
  }
}
