// The events of a reply as the AI SDK's stream parts, and its result as content.
import type { ReplyEvent, ReplyResult } from "../../index.js";
import type { Events } from "../answered.js";
import type { Content, GenerateResult, StreamPart } from "./sdk_types.js";

type Finish = Pick<GenerateResult, "finishReason" | "usage" | "providerMetadata">;

export function contentOf({ reasoning = "", message, toolCalls }: ReplyResult): Content[] {
  const text = message.content as string;
  return [
    ...(reasoning === "" ? [] : [{ type: "reasoning" as const, text: reasoning }]),
    ...(text === "" ? [] : [{ type: "text" as const, text }]),
    ...toolCalls.map(({ id, name, argumentsText }) => callPart(id, name, argumentsText)),
  ];
}

const callPart = (toolCallId: string, toolName: string, input: string) => ({
  type: "tool-call" as const,
  toolCallId,
  toolName,
  input,
});

export function finishOf({ finishReason, toolCalls, stopString, usage, timings, logProbabilities }: ReplyResult) {
  return {
    finishReason: {
      // The loop's limit ends a reply with calls that nobody can answer.
      unified: finishReason === "tool-calls" && toolCalls.length === 0 ? "stop" : finishReason,
      raw: finishReason,
    },
    usage: {
      inputTokens: {
        total: usage.promptTokens,
        noCache: usage.promptTokens - usage.cachedTokens,
        cacheRead: usage.cachedTokens,
        cacheWrite: undefined,
      },
      outputTokens: { total: usage.generatedTokens, text: undefined, reasoning: undefined },
    },
    providerMetadata: {
      caduceus: {
        timings: { ...timings },
        ...(stopString === undefined ? {} : { stopString }),
        ...(logProbabilities === undefined ? {} : { logProbabilities: logProbabilities as never }),
      },
    },
  } satisfies Finish;
}

/**
 * The parts of a reply. What goes wrong before the first event is thrown; later it is a part, as the SDK has it, unless
 * the reply was aborted.
 */
export async function* partsOf(
  events: Events,
  {
    head,
    signal,
    raw,
  }: { readonly head: () => StreamPart[]; readonly signal: AbortSignal | undefined; readonly raw: boolean },
): AsyncGenerator<StreamPart, void, undefined> {
  const parts = new PartWriter();
  let event = await events.next();
  yield* head();
  try {
    for (; event !== undefined; event = await events.next()) {
      if (raw) yield { type: "raw", rawValue: event };
      yield* parts.of(event);
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    yield { type: "error", error };
    const none = { total: undefined, text: undefined, reasoning: undefined };
    yield {
      type: "finish",
      finishReason: { unified: "error", raw: undefined },
      usage: {
        inputTokens: { ...none, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: none,
      },
    };
  }
}

/** Opens and closes blocks of text, reasoning and calls. */
class PartWriter {
  #open: { readonly kind: "text" | "reasoning"; readonly id: string } | undefined;
  #count = 0;
  /** Characters of the arguments of each call that have been told. */
  readonly #told = new Map<string, number>();

  *of(event: ReplyEvent): Generator<StreamPart, void, undefined> {
    switch (event.type) {
      case "text":
      case "reasoning":
        return yield* this.#write(event.type, event.text);
      case "malformed":
        return yield* this.#write("text", event.text);
      case "tool-call-start":
        return yield* this.#start(event.id, event.name);
      case "tool-call-delta":
        this.#told.set(event.id, (this.#told.get(event.id) ?? 0) + event.textDelta.length);
        return yield { type: "tool-input-delta", id: event.id, delta: event.textDelta };
      case "tool-call":
        return yield* this.#end(event.id, event.name, event.argumentsText);
      case "finish":
        yield* this.#close();
        yield { type: "finish", ...finishOf(event) };
    }
  }

  *#write(kind: "text" | "reasoning", delta: string): Generator<StreamPart, void, undefined> {
    if (delta === "") return;
    if (this.#open?.kind !== kind) {
      yield* this.#close();
      this.#open = { kind, id: String(this.#count++) };
      yield { type: `${kind}-start`, id: this.#open.id };
    }
    yield { type: `${kind}-delta`, id: this.#open.id, delta };
  }

  *#close(): Generator<StreamPart, void, undefined> {
    if (this.#open !== undefined) yield { type: `${this.#open.kind}-end`, id: this.#open.id };
    this.#open = undefined;
  }

  /** A model that nothing constrains may begin its arguments again: then the call itself has what counts. */
  *#start(id: string, toolName: string): Generator<StreamPart, void, undefined> {
    if (this.#told.has(id)) return;
    yield* this.#close();
    this.#told.set(id, 0);
    yield { type: "tool-input-start", id, toolName };
  }

  *#end(id: string, name: string, argumentsText: string): Generator<StreamPart, void, undefined> {
    yield* this.#start(id, name);
    const rest = argumentsText.slice(this.#told.get(id));
    if (rest !== "") yield { type: "tool-input-delta", id, delta: rest };
    yield { type: "tool-input-end", id };
    yield callPart(id, name, argumentsText);
  }
}
