// The public face of the parser: takes the model's output in any pieces, gives events and, at its end, the reply.

import { CaduceusError, invalidArgument } from "../../../errors.js";
import { checkOptions } from "../../../options/option_checks.js";
import { numberProblem } from "../json/json_word.js";
import { createCallCheck, toolFunction } from "../calls/argument_check.js";
import type { BuiltCall } from "../calls/call_builder.js";
import { isHighSurrogate } from "../json/character_classes.js";
import type { CallFormat } from "../../../engine/call_format.js";
import { FormatScanner } from "../../calls/reading/format_scanner.js";
import { FurtherCall, suppliedTag } from "../calls/further_call.js";
import { ReplyOutput } from "./reply_output.js";
import { ReplyScanner } from "./reply_scanner.js";
import type { CallReceiver } from "./reply_scanner.js";
import { ReplyText } from "./reply_text.js";
import type {
  CallCheck,
  CallFault,
  ParsedReply,
  ReplyEvent,
  ReplyFinish,
  ToolCall,
  ToolDefinition,
} from "./reply_types.js";
import { UntaggedCall } from "../calls/untagged_call.js";

/** What is known of the replies, and what is wanted of them. */
export interface ReplyParserOptions {
  /** The tools the model was given. Left out, calls are read but not judged. */
  readonly tools?: readonly ToolDefinition[] | undefined;
  /** Judges calls instead of the check made from `tools`. */
  readonly check?: CallCheck | undefined;
  /**
   * `accept`: a reply that is nothing but one call's object, bare or in one code fence, naming a given tool with valid
   * arguments, is that call, marked `repaired`. Such text is held back to its end. So is an object that begins with a
   * name or arguments on the line after another call: its tag is supplied. Defaults to `off`.
   */
  readonly untaggedCalls?: "accept" | "off" | undefined;
  /**
   * Nothing but calls could be written: where the token limit cut a tag off, that is a call cut off and not text.
   * Defaults to false.
   */
  readonly callsOnly?: boolean | undefined;
  /** The prompt ended inside `<think>`, so that the output begins there. Defaults to false. */
  readonly reasoning?: boolean | undefined;
  /** Whether events are wanted, or only the reply at the end. Defaults to true. */
  readonly events?: boolean | undefined;
  /** Makes the id of each call; no two may be equal. Defaults to `call_0`, `call_1` and so on. */
  readonly callId?: (() => string) | undefined;
}

export const parserOptionNames = [
  "tools",
  "check",
  "untaggedCalls",
  "callsOnly",
  "reasoning",
  "events",
  "callId",
] as const satisfies readonly (keyof ReplyParserOptions)[];

/** Reads what a Hermes model writes, in whatever pieces it comes. One for each reply. */
export class ReplyParser {
  readonly #check: CallCheck | undefined;
  readonly #receiver: CallReceiver;
  readonly #scanner: Pick<ReplyScanner, "read" | "end" | "turnEnded" | "charactersRead">;
  readonly #out: ReplyOutput;
  readonly #text: ReplyText;
  #untagged: UntaggedCall | undefined;
  #untaggedText = "";
  #wasUntagged = false;
  readonly #further: FurtherCall | undefined;
  readonly #callsOnly: boolean;
  readonly #callId: () => string;

  #carry = "";
  #toldTurnEnd = false;
  #finished: ParsedReply | undefined;

  /** `format`: how calls are written, where that is not Hermes' way. */
  constructor(given?: ReplyParserOptions, format?: CallFormat) {
    const options = checkOptions(given, "ReplyParser", parserOptionNames) as ReplyParserOptions;
    const { tools, untaggedCalls } = options;
    if (tools !== undefined && !Array.isArray(tools)) throw invalidArgument("an array of tools", "tools", tools);
    if (untaggedCalls !== undefined && untaggedCalls !== "accept" && untaggedCalls !== "off") {
      throw invalidArgument('"accept" or "off"', "untaggedCalls", untaggedCalls);
    }
    this.#callsOnly = options.callsOnly ?? false;
    let calls = 0;
    this.#callId = options.callId ?? (() => `call_${calls++}`);
    if (typeof this.#callId !== "function") throw invalidArgument("a function", "callId", this.#callId);
    this.#check = options.check ?? (tools ? createCallCheck(tools) : undefined);
    if (untaggedCalls === "accept" && this.#check) {
      if (!format?.isBare) this.#untagged = new UntaggedCall();
      if (!format) this.#further = new FurtherCall();
    }
    const functions = new Map(tools?.map((tool, index) => toolFunction(tool, index)).map((one) => [one.name, one]));
    const names = [...functions.keys()];
    this.#out = new ReplyOutput(options.events ?? true);
    this.#text = new ReplyText(this.#out, options.reasoning ?? false);
    this.#receiver = this.#createReceiver(names.length === 1 ? names[0] : undefined);
    this.#scanner = format
      ? new FormatScanner(format, names, (name) => functions.get(name)?.parameters, this.#out, this.#receiver)
      : new ReplyScanner(this.#text, this.#receiver);
  }

  /** Whether the model went on to invent a tool's result: the rest of its output is dropped. */
  get turnEnded(): boolean {
    return this.#scanner.turnEnded;
  }

  /** All of the output so far may be one call without its tags. */
  get mayBeUntagged(): boolean {
    return this.#untagged !== undefined;
  }

  /** All of the output was one call without its tags. */
  get wasUntagged(): boolean {
    return this.#wasUntagged;
  }

  /** A call's missing tag was supplied: the output is not what the calls written out would be. */
  get suppliedTags(): boolean {
    return this.#further !== undefined && this.#further.supplied > 0;
  }

  /** Characters read so far, those read again after a broken call included. */
  get charactersRead(): number {
    return this.#scanner.charactersRead;
  }

  /** The raw text of each call that could not be read. */
  get malformedTexts(): readonly string[] {
    return this.#out.malformed;
  }

  /** The calls with everything known of them; those of an open scratch pad appear at its end. */
  get callDetails(): readonly ToolCall[] {
    return this.#out.calls;
  }

  /** Takes the next piece of the output, cut anywhere, and returns what it showed. */
  push(chunk: string): ReplyEvent[] {
    if (typeof chunk !== "string") throw invalidArgument("a string", "chunk", chunk);
    if (this.#finished) throw new CaduceusError("INVALID_ARGUMENT", "push was called after end.");
    let text = this.#carry + chunk;
    this.#carry = "";
    if (isHighSurrogate(text.charCodeAt(text.length - 1))) {
      this.#carry = text.slice(-1);
      text = text.slice(0, -1);
    }
    this.#accept(text);
    return this.takeEvents();
  }

  /**
   * The output ended. Returns the whole reply; events it brought are in `takeEvents`.
   * `finish` defaults to `stop`. Ending twice returns the same reply.
   */
  end(options?: { finish?: ReplyFinish | undefined }): ParsedReply {
    const finish = checkOptions(options, "end", ["finish"])["finish"] ?? "stop";
    if (finish !== "stop" && finish !== "length") throw invalidArgument('"stop" or "length"', "finish", finish);
    if (this.#finished) return this.#finished;
    const carry = this.#carry;
    this.#carry = "";
    this.#accept(carry);
    this.#endUntagged();
    const held = this.#further?.end() ?? "";
    const cutsCalls = finish === "length" && this.#callsOnly;
    if (cutsCalls && held.trim() !== "") this.#out.cutOff(undefined);
    else if (held !== "") this.#scan(held);
    this.#scanner.end(finish, cutsCalls);
    this.#tellTurnEnd();
    this.#out.settle();
    return (this.#finished = this.#out.reply());
  }

  /** Events since they were last taken. */
  takeEvents(): ReplyEvent[] {
    return this.#out.takeEvents();
  }

  #accept(text: string): void {
    if (text === "") return;
    if (!this.#untagged) {
      this.#read(text);
      return;
    }
    this.#untagged.feed(text);
    this.#untaggedText += text;
    if (this.#untagged.status === "no") this.#releaseUntagged();
  }

  #releaseUntagged(): void {
    const text = this.#untaggedText;
    this.#untagged = undefined;
    this.#untaggedText = "";
    this.#read(text);
  }

  #endUntagged(): void {
    if (!this.#untagged) return;
    const call = this.#untagged.finish();
    if (!call || this.#faultOf(call)) {
      this.#releaseUntagged();
      return;
    }
    this.#untagged = undefined;
    this.#wasUntagged = true;
    const id = this.#receiver.nextId();
    this.#out.event({ type: "tool-call-start", id, name: call.name });
    const { argumentsText, name } = call;
    this.#out.event({ type: "tool-call-delta", id, name, textDelta: argumentsText, partial: call.arguments });
    this.#out.call({ id, name, arguments: call.arguments, argumentsText, repaired: true });
  }

  #createReceiver(onlyTool: string | undefined): CallReceiver {
    return {
      onlyTool,
      nextId: this.#callId,
      stream: {
        start: (id, name, restart) => {
          if (!this.#out.streaming) return;
          this.#text.out.event({ type: "tool-call-start", id, name, ...(restart ? { restart } : {}) });
        },
        delta: (id, name, textDelta, builder) => {
          if (!this.#out.streaming) return;
          this.#text.out.event({
            type: "tool-call-delta",
            id,
            name,
            textDelta,
            get partial() {
              return builder.partial;
            },
          });
        },
      },
      completed: (call, repaired) => this.#completeCall(call, repaired),
      lastWasRepaired: () => this.#text.out.repairLast(),
      broken: (raw, id) => this.#text.out.broken(raw.startsWith(suppliedTag) ? raw.slice(suppliedTag.length) : raw, id),
      incomplete: (id) => this.#text.out.cutOff(id),
    };
  }

  #completeCall(call: BuiltCall, repaired: boolean): void {
    const fault = this.#faultOf(call);
    const { id, name, argumentsText } = call;
    this.#text.out.call({
      id,
      name,
      arguments: call.arguments,
      argumentsText,
      repaired,
      ...(fault ? { problem: fault.problem, problemMessage: fault.message } : {}),
    });
  }

  #faultOf({ name, arguments: args, tooLarge }: BuiltCall): CallFault | undefined {
    return tooLarge === undefined
      ? this.#check?.(name, args)
      : { problem: "invalid-arguments", message: numberProblem(tooLarge) };
  }

  #read(text: string): void {
    const whole = this.#further === undefined ? text : this.#further.feed(text);
    if (whole !== "") this.#scan(whole);
  }

  #scan(text: string): void {
    this.#scanner.read(text);
    this.#tellTurnEnd();
  }

  #tellTurnEnd(): void {
    if (!this.#scanner.turnEnded || this.#toldTurnEnd) return;
    this.#toldTurnEnd = true;
    this.#out.event({ type: "turn-end" });
  }
}
