// What one turn of the model says, event by event: plain text where there are no tools, Hermes' scanner where there are.
// Where nothing is enforced, text that is to be JSON is followed, to end the turn where writing on is no use.
import { randomUUID } from "node:crypto";
import type { Constraint } from "../engine/engine.js";
import { describe } from "../errors.js";
import { ReplyParser, type CallCheck, type ReplyEvent as ParserEvent } from "../format/hermes/index.js";
import { JsonWatch } from "../format/json_watch.js";
import type { PlainMessage, PlainToolCall } from "../format/messages.js";
import type { ReplyEvent, TextEvent, ToolCall } from "./reply_events.js";
import type { Tool } from "./tool.js";
import { acceptsUntagged, type ToolSettings } from "./tool_options.js";

/** What a turn came to. */
export interface WrittenTurn {
  /** Events that only its end brought. */
  readonly events: readonly ReplyEvent[];
  readonly text: string;
  readonly reasoning: string | undefined;
  readonly calls: readonly ToolCall[];
  /** The raw text of calls that cannot be read. */
  readonly malformed: readonly string[];
  readonly incomplete: boolean;
  /** The model's own tokens are not what the history shows. */
  readonly differs: boolean;
  /** The turn as the history keeps it. */
  readonly message: PlainMessage;
}

export class ReplyReader {
  /** None where all of the turn is text. */
  #parser: ReplyParser | undefined;
  /** Nothing has been read yet of a turn that is calls or the answer, which its first character tells. */
  #isUndecided: boolean;
  /** The turn ends with its first call, which the engine does not see to. */
  readonly #endsWithCall: boolean;
  #called: number | undefined;
  readonly #ids = new Map<number, string>();
  readonly #watch: JsonWatch | undefined;
  #text = "";

  constructor(settings: ToolSettings, isHermes: boolean, constraint: Constraint | undefined) {
    const { tools, schema, isConstrained, parallelToolCalls } = settings;
    this.#isUndecided = isConstrained && tools.size > 0 && schema !== undefined;
    this.#endsWithCall = !parallelToolCalls && !isConstrained;
    // With tools, text may stand before a call.
    if (tools.size === 0) {
      if (schema !== undefined && !isConstrained) this.#watch = new JsonWatch();
      return;
    }
    const definitions = [...tools.values()].map(({ name, parameters }) => ({ name, parameters }));
    this.#parser = new ReplyParser({
      tools: definitions, check: checkOf(tools), untaggedCalls: acceptsUntagged(settings, isHermes) ? "accept" : "off",
      callsOnly: constraint?.kind === "tools" && (constraint.mode === "required" || constraint.schema !== undefined),
    });
  }

  /** The model went on to invent a result, or past the JSON that was asked for, or can't make it JSON any more: what follows is dropped. */
  get turnEnded(): boolean {
    return this.#called !== undefined || (this.#parser?.turnEnded ?? this.#watch?.isOver ?? false);
  }

  read(event: TextEvent): ReplyEvent[] {
    if (this.#isUndecided && event.text.trim() !== "") {
      this.#isUndecided = false;
      // JSON's strings may hold what looks like a call.
      if (!event.text.trimStart().startsWith("<")) this.#parser = undefined;
    }
    if (this.#parser === undefined) {
      if (this.turnEnded) return [];
      const text = this.#watch === undefined ? event.text : event.text.slice(0, this.#watch.read(event.text));
      this.#text += text;
      return text === "" && event.text !== "" ? [] : [{ ...event, text }];
    }
    return this.#called === undefined ? this.#translate(this.#parser.push(event.text)) : [];
  }

  end(finish: "stop" | "length"): WrittenTurn {
    const parser = this.#parser;
    if (parser === undefined) {
      return { events: [], text: this.#text, reasoning: undefined, calls: [], malformed: [], incomplete: false, differs: false, message: { role: "assistant", content: this.#text } };
    }
    const { content, reasoning, incomplete } = parser.end({ finish });
    const events = this.#translate(parser.takeEvents());
    const details = this.#called === undefined ? parser.callDetails : parser.callDetails.filter(({ index }) => index === this.#called);
    const calls = details.map(({ index, ...call }): ToolCall => ({ id: this.#id(index), ...call }));
    const toolCalls = calls.map(({ id, name, argumentsText }): PlainToolCall => ({ id, name, arguments: argumentsText }));
    const malformed = this.#called === undefined ? parser.malformedTexts : [];
    return {
      events, text: content, reasoning, calls, malformed, incomplete: incomplete ?? false, differs: parser.suppliedTags,
      message: { role: "assistant", content: [content, ...malformed].filter((text) => text !== "").join("\n"), ...(toolCalls.length === 0 ? {} : { toolCalls }) },
    };
  }

  #translate(events: readonly ParserEvent[]): ReplyEvent[] {
    return events.flatMap((event): ReplyEvent[] => {
      if (this.#called !== undefined) return [];
      switch (event.type) {
        case "text": case "reasoning": return [{ type: event.type, text: event.text }];
        case "tool-call-start": return [{ type: "tool-call-start", id: this.#id(event.index), name: event.name, ...(event.restart ? { restart: true } : {}) }];
        case "tool-call-delta": return [{ type: "tool-call-delta", id: this.#id(event.index), name: event.name, textDelta: event.textDelta, get partial() { return event.partial; } }];
        case "tool-call": {
          const { index, ...call } = event;
          if (this.#endsWithCall) this.#called = index;
          return [{ id: this.#id(index), ...call }];
        }
        case "malformed": return [{ type: "malformed", text: event.text }];
        default: return [];
      }
    });
  }

  #id(index: number): string {
    const known = this.#ids.get(index);
    if (known !== undefined) return known;
    // Unique beyond this reply: conversations hold the calls of many.
    const id = `call_${randomUUID().slice(0, 13)}`;
    this.#ids.set(index, id);
    return id;
  }
}

/** Calls are judged by the tools' own schemas, whose sentences the model is told. */
function checkOf(tools: ReadonlyMap<string, Tool>): CallCheck {
  return (name, args) => {
    const tool = tools.get(name);
    if (tool === undefined) return { problem: "unknown_tool", message: `There is no function ${describe(name)}.` };
    if (typeof args !== "object" || args === null || Array.isArray(args)) return { problem: "invalid_arguments", message: `arguments must be an object, not ${describe(args)}.` };
    const verdict = tool.schema.check(args, "arguments");
    return verdict.ok ? undefined : { problem: "invalid_arguments", message: verdict.problem };
  };
}
