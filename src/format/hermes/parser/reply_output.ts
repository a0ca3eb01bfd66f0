// Collects what a reply turns out to hold: its text, its calls, what could not be read, and the events that tell of it.

import type { ToolCall, ParsedCall, ParsedReply, ReplyEvent } from "./reply_types.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class ReplyOutput {
  readonly calls: ToolCall[] = [];
  readonly malformed: string[] = [];
  content = "";
  reasoning = "";
  incomplete = false;
  #events: Mutable<ReplyEvent>[] = [];
  /** A finished call whose `repaired` may still change: told of when something else follows. */
  #pending: Mutable<ToolCall> | undefined;

  /** `streaming`: whether events are wanted. */
  constructor(readonly streaming: boolean) {}

  text(text: string): void {
    if (text === "") return;
    this.settle();
    this.content += text;
    if (!this.streaming) return;
    const last = this.#events[this.#events.length - 1];
    if (last?.type === "text") last.text += text;
    else this.#events.push({ type: "text", text });
  }

  reason(text: string): void {
    if (text === "") return;
    this.settle();
    this.reasoning += text;
    if (!this.streaming) return;
    const last = this.#events[this.#events.length - 1];
    if (last?.type === "reasoning") last.text += text;
    else this.#events.push({ type: "reasoning", text });
  }

  event(event: ReplyEvent): void {
    this.settle();
    if (this.streaming) this.#events.push(event);
  }

  call(call: ToolCall): void {
    this.settle();
    this.#pending = call;
    this.calls.push(call);
  }

  /** The last call was repaired after all. */
  repairLast(): void {
    if (this.#pending) this.#pending.repaired = true;
  }

  broken(text: string, id: string | undefined): void {
    this.malformed.push(text);
    this.event({ type: "malformed", text, id });
  }

  cutOff(id: string | undefined): void {
    this.incomplete = true;
    this.event({ type: "incomplete", id });
  }

  /** Nothing more will change the last call. */
  settle(): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    if (this.streaming) this.#events.push({ type: "tool-call", ...pending });
  }

  takeEvents(): ReplyEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  /** Takes over everything of another output, which stood behind what is here. */
  take(other: ReplyOutput): void {
    this.settle();
    this.content += other.content;
    this.reasoning += other.reasoning;
    for (const call of other.calls) this.calls.push(call);
    for (const text of other.malformed) this.malformed.push(text);
    for (const event of other.#events) this.#events.push(event);
    this.incomplete ||= other.incomplete;
    this.#pending = other.#pending;
  }

  reply(): ParsedReply {
    const reply: ParsedReply = { content: this.content, calls: this.calls.map(plainCall) };
    if (this.malformed.length > 0) reply.malformed = this.malformed.length;
    if (this.incomplete) reply.incomplete = true;
    if (this.reasoning !== "") reply.reasoning = this.reasoning;
    return reply;
  }
}

function plainCall(call: ToolCall): ParsedCall {
  const plain: ParsedCall = { name: call.name, arguments: call.arguments };
  if (call.repaired) plain.repaired = true;
  if (call.problem !== undefined) plain.problem = call.problem;
  return plain;
}
