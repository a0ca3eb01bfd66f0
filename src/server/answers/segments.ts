// One answer as segments that follow each other: reasoning, text and calls, each opened, continued and closed. All APIs
// write their answers from these, whole ones and streams alike.
import type { FinishEvent, ReplyEvent, TokenProbability, ToolCall } from "../../index.js";
import { ApiError } from "../api_error.js";
import { collectAnswers, type AnswerEvent } from "./answers.js";

export type SegmentEvent = OpenEvent | DeltaEvent | CloseEvent | FinishEvent;

interface OfSegment {
  readonly kind: "text" | "reasoning" | "call";
  /** Of the segment within its answer. */
  readonly segment: number;
  /** Of a call; empty for text. */
  readonly id: string;
  readonly name: string;
}

export interface OpenEvent extends OfSegment {
  readonly type: "open";
}

export interface DeltaEvent extends OfSegment {
  readonly type: "delta";
  /** Of a call: a piece of its arguments. Empty only where there are log probabilities. */
  readonly text: string;
  readonly logProbabilities?: readonly TokenProbability[];
}

export interface CloseEvent extends OfSegment {
  readonly type: "close";
  /** All of it. */
  readonly text: string;
  /** False for a call that the token limit cut off: its arguments are as far as they were written. */
  readonly isComplete: boolean;
  readonly logProbabilities: readonly TokenProbability[];
}

/** The segments of one answer as its events come. */
export class Segments {
  readonly #ids = new Set<string>();
  #open: (OfSegment & { text: string; logProbabilities: TokenProbability[] }) | undefined;
  #count = 0;

  *of(event: ReplyEvent): Generator<SegmentEvent, void, undefined> {
    switch (event.type) {
      case "text":
      case "reasoning":
        return yield* this.#write(event.type, event.text, event.logProbabilities);
      case "malformed":
        return yield* this.#write("text", event.text);
      case "tool-call-start":
        // What has been told of a call cannot be taken back.
        if (!this.#ids.has(event.id)) yield* this.#begin("call", event.id, event.name);
        return;
      case "tool-call-delta":
        if (this.#open?.id === event.id && event.textDelta !== "") yield this.#more(event.textDelta);
        return;
      case "tool-call":
        return yield* this.#end(event);
      case "finish":
        yield* this.#close(this.#open?.kind !== "call");
        yield event;
    }
  }

  *#write(kind: "text" | "reasoning", text: string, logProbabilities?: readonly TokenProbability[]) {
    if (this.#open?.kind !== kind) yield* this.#begin(kind);
    yield this.#more(text, logProbabilities);
  }

  *#begin(kind: OfSegment["kind"], id = "", name = ""): Generator<SegmentEvent, void, undefined> {
    yield* this.#close(this.#open?.kind !== "call");
    if (id !== "") this.#ids.add(id);
    const segment = { kind, segment: this.#count++, id, name };
    this.#open = { ...segment, text: "", logProbabilities: [] };
    yield { type: "open", ...segment };
  }

  #more(text: string, logProbabilities?: readonly TokenProbability[]): DeltaEvent {
    const { kind, segment, id, name } = this.#open!;
    this.#open!.text += text;
    this.#open!.logProbabilities.push(...(logProbabilities ?? []));
    return { type: "delta", kind, segment, id, name, text, ...(logProbabilities && { logProbabilities }) };
  }

  /** A model that nothing constrains may write its arguments a second time. */
  *#end({ id, argumentsText }: ToolCall): Generator<SegmentEvent, void, undefined> {
    if (this.#open?.id !== id) return;
    const { text } = this.#open;
    if (!argumentsText.startsWith(text))
      throw new ApiError(
        500,
        "server_error",
        "The model wrote the arguments of a call twice, which a stream cannot tell.",
      );
    if (argumentsText.length > text.length) yield this.#more(argumentsText.slice(text.length));
    yield* this.#close(true);
  }

  *#close(isComplete: boolean): Generator<SegmentEvent, void, undefined> {
    if (this.#open === undefined) return;
    const closed = this.#open;
    this.#open = undefined;
    yield { type: "close", ...closed, isComplete };
  }
}

/** The segments of a whole answer. */
export function* segmentsOf(result: FinishEvent): Generator<SegmentEvent, void, undefined> {
  const { reasoning = "", message, toolCalls, incompleteCall, logProbabilities = [] } = result;
  let segment = 0;
  const whole = function* (
    of: Omit<OfSegment, "segment">,
    text: string,
    { isComplete = true, tokens = [] as readonly TokenProbability[] } = {},
  ): Generator<SegmentEvent, void, undefined> {
    const own = { ...of, segment: segment++ };
    yield { type: "open", ...own };
    if (text !== "") yield { type: "delta", ...own, text, ...(tokens.length > 0 && { logProbabilities: tokens }) };
    yield { type: "close", ...own, text, isComplete, logProbabilities: tokens };
  };
  const unnamed = { id: "", name: "" };
  const content = message.content as string;
  if (reasoning !== "") yield* whole({ kind: "reasoning", ...unnamed }, reasoning);
  if (content !== "") yield* whole({ kind: "text", ...unnamed }, content, { tokens: logProbabilities });
  for (const { id, name, argumentsText } of toolCalls) yield* whole({ kind: "call", id, name }, argumentsText);
  if (incompleteCall !== undefined) {
    const { id, name, argumentsText } = incompleteCall;
    yield* whole({ kind: "call", id, name }, argumentsText, { isComplete: false });
  }
  yield result;
}

/** The segments of the only answer of a request: as they come in a stream, and else when all is there. */
export async function* onlyAnswer(
  events: AsyncGenerator<AnswerEvent, void, undefined>,
  stream: boolean,
): AsyncGenerator<SegmentEvent, void, undefined> {
  if (!stream) return yield* segmentsOf((await collectAnswers(events))[0]!);
  const segments = new Segments();
  for await (const { event } of events) yield* segments.of(event);
}
