// From messages to spans. A reply of one turn is one span. Where the model calls tools, its reply is the run of an
// agent: the turns and the calls are spans below it.
import {
  type Attributes,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type {
  ReplyContentMessage,
  ReplyEndMessage,
  ReplyStartMessage,
  RoundEndMessage,
  RoundStartMessage,
  ToolContentMessage,
  ToolEndMessage,
  ToolStartMessage,
} from "../../index.js";
import { answered, common, ended, json, operationOf, requested, saidText, type Operation } from "./attributes.js";
import type { GenAiMetrics } from "./genai_metrics.js";

/** A span that is not over. */
interface Open {
  readonly span: Span;
  readonly began: number;
  operation: Operation;
}

/** The first turn of a reply, which has a span of its own only where there are others. */
interface FirstTurn {
  readonly startTime: number;
  readonly attributes: Attributes;
  end?: { readonly time: number; readonly message: RoundEndMessage };
}

interface OpenReply extends Open {
  readonly model: string;
  /** With its span. */
  readonly context: Context;
  first?: FirstTurn;
  /** The turn that is under way, of a reply with several. */
  turn?: Open;
}

export class GenAiSpans {
  readonly #tracer: Tracer;
  readonly #metrics: GenAiMetrics;
  /** By their ids. A caller may give one to several. */
  readonly #replies = new Map<string, OpenReply[]>();
  readonly #calls = new Map<string, Open & { readonly model: string }>();

  constructor(tracer: Tracer, metrics: GenAiMetrics) {
    this.#tracer = tracer;
    this.#metrics = metrics;
  }

  replyStarted(message: ReplyStartMessage, parent: Context): void {
    const { requestId, model } = message;
    const operation = operationOf(message);
    const open = this.#start(operation, model, parent, {}, { "gen_ai.response.id": requestId });
    const same = this.#replies.get(requestId) ?? [];
    this.#replies.set(requestId, [...same, { ...open, model, context: trace.setSpan(parent, open.span) }]);
  }

  replySaid({ requestId, input, output }: ReplyContentMessage): void {
    const span = this.#reply(requestId)?.span;
    if (input !== undefined) span?.setAttribute("gen_ai.input.messages", saidText(input));
    if (output !== undefined) span?.setAttribute("gen_ai.output.messages", saidText(output));
  }

  replyEnded(message: ReplyEndMessage): void {
    const { requestId, error } = message;
    const reply = this.#reply(requestId);
    if (reply === undefined) return;
    const others = this.#replies.get(requestId)!.slice(1);
    if (others.length > 0) this.#replies.set(requestId, others);
    else this.#replies.delete(requestId);
    reply.span.setAttributes(ended(message));
    this.#end(reply, reply.model, error && (error.code ?? error.name));
  }

  roundStarted({ requestId, round, sampling }: RoundStartMessage): void {
    const reply = this.#reply(requestId);
    if (reply === undefined) return;
    if (reply.first === undefined) {
      reply.first = { startTime: Date.now(), attributes: requested(sampling) };
      reply.span.setAttributes(reply.first.attributes);
      return;
    }
    // A turn that is written in two requests is one.
    if (round > 1) this.#becomeAgent(reply);
    if (reply.operation === "invoke_agent")
      reply.turn = this.#start("chat", reply.model, reply.context, {}, requested(sampling));
  }

  roundEnded(message: RoundEndMessage): void {
    const reply = this.#reply(message.requestId);
    if (reply === undefined) return;
    const { turn, first, model, operation } = reply;
    const isAgent = turn !== undefined;
    if (message.usage !== undefined)
      this.#metrics.answered(message.usage, message.timings, common(isAgent ? "chat" : operation, model));
    if (isAgent) {
      this.#endTurn(turn, model, message);
      delete reply.turn;
    } else if (first !== undefined) {
      reply.span.setAttributes(answered(message));
      first.end = { time: Date.now(), message };
    }
  }

  /** Gives the context in which the call runs. */
  toolStarted({ requestId, callId, name }: ToolStartMessage, active: Context): Context {
    const reply = this.#reply(requestId);
    if (reply !== undefined) this.#becomeAgent(reply);
    const parent = reply?.context ?? active;
    const model = reply?.model ?? "";
    const open = this.#start(
      "execute_tool",
      name,
      parent,
      {},
      {
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": callId,
        "gen_ai.tool.type": "function",
      },
    );
    this.#calls.set(keyOf(requestId, callId), { ...open, model });
    return trace.setSpan(parent, open.span);
  }

  toolSaid({ requestId, callId, arguments: args, result }: ToolContentMessage): void {
    const span = this.#calls.get(keyOf(requestId, callId))?.span;
    span?.setAttribute("gen_ai.tool.call.arguments", json(args));
    if (result !== undefined) span?.setAttribute("gen_ai.tool.call.result", result);
  }

  toolEnded({ requestId, callId, failure }: ToolEndMessage): void {
    const key = keyOf(requestId, callId);
    const call = this.#calls.get(key);
    if (call === undefined) return;
    this.#calls.delete(key);
    this.#end(call, call.model, failure);
  }

  /** Ends what is open. */
  close(): void {
    for (const { span } of this.#calls.values()) span.end();
    for (const { span, turn } of [...this.#replies.values()].flat()) {
      turn?.span.end();
      span.end();
    }
    this.#calls.clear();
    this.#replies.clear();
  }

  #reply(requestId: string): OpenReply | undefined {
    return this.#replies.get(requestId)?.[0];
  }

  /** Its first turn gets a span of its own, afterwards. */
  #becomeAgent(reply: OpenReply): void {
    if (reply.operation === "invoke_agent") return;
    reply.operation = "invoke_agent";
    reply.span.updateName("invoke_agent");
    reply.span.setAttribute("gen_ai.operation.name", "invoke_agent");
    const { first, model } = reply;
    if (first?.end === undefined) return;
    const { startTime, attributes, end } = first;
    const turn = this.#start("chat", model, reply.context, { startTime }, attributes);
    this.#endTurn(turn, model, end.message, end.time);
  }

  #endTurn(turn: Open, model: string, message: RoundEndMessage, time?: number): void {
    turn.span.setAttributes(answered(message));
    const { finishReason } = message;
    const failure = finishReason === "failed" || finishReason === "cancelled" ? finishReason : undefined;
    this.#end(turn, model, failure, time);
  }

  #start(
    operation: Operation,
    subject: string,
    parent: Context,
    { startTime = Date.now() }: { readonly startTime?: number },
    attributes: Attributes,
  ): Open {
    // The model runs in this very process. A tool has a name of its own, and no model.
    const own = operation === "execute_tool" ? { "gen_ai.operation.name": operation } : common(operation, subject);
    const span = this.#tracer.startSpan(
      `${operation} ${subject}`,
      { kind: SpanKind.INTERNAL, startTime, attributes: { ...own, ...attributes } },
      parent,
    );
    return { span, began: startTime, operation };
  }

  #end({ span, began, operation }: Open, model: string, failure: string | undefined, time = Date.now()): void {
    const failed: Attributes = failure === undefined ? {} : { "error.type": failure };
    if (failure !== undefined) {
      span.setAttributes(failed);
      // The message of an error may quote what was said.
      span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
    }
    span.end(time);
    this.#metrics.ended(time - began, { ...common(operation, model), ...failed });
  }
}

const keyOf = (requestId: string, callId: string) => `${callId}\n${requestId}`;
