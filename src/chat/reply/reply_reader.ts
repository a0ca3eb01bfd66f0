// What one turn of the model says, event by event: plain text where there are no tools, Hermes' scanner where there
// are. Where nothing is enforced, text that is to be JSON is followed, to end the turn where writing on is no use.
import type { Constraint } from "../../engine/engine.js";
import { describe } from "../../errors.js";
import { openingsOf } from "../../engine/call_format.js";
import type { ConversationFormat } from "../../format/conversation_format.js";
import { MessagesReader } from "../../format/calls/reading/messages_reader.js";
import { newCallId } from "../../format/call_id.js";
import { CallIntent } from "../../format/hermes/calls/call_intent.js";
import { ReplyParser, type CallFault, type ReplyEvent as ParserEvent } from "../../format/hermes/index.js";
import { JsonProgress } from "../../format/json_progress.js";
import type { PlainMessage, PlainToolCall } from "../../format/plain_message.js";
import { ThoughtReader, type ThoughtTags } from "../../format/thought.js";
import { atOnce, inTurns, type CooperativeWork } from "../../schema/cooperative_work.js";
import type { IncompleteCall, ReplyEvent, TextEvent, ToolCall } from "./reply_events.js";
import { isWhole } from "../tools/round_constraint.js";
import type { Tool } from "../tools/tool.js";
import { acceptsUntagged, type ToolSettings } from "../tools/tool_options.js";
import { TurnCalls } from "../tools/turn_calls.js";
import { isObject } from "../../json_object.js";

/** What a turn came to. */
export interface GeneratedTurn {
  /** Events that only its end brought. */
  readonly events: readonly ReplyEvent[];
  readonly text: string;
  readonly reasoning: string | undefined;
  readonly calls: readonly ToolCall[];
  /** The raw text of calls that cannot be read. */
  readonly malformed: readonly string[];
  readonly incomplete: boolean;
  readonly incompleteCall: IncompleteCall | undefined;
  /** It is one call, and lacks the markup of calls. */
  readonly isUntagged: boolean;
  /** It was meant as calls, and is to be written again. Nothing of it was told. */
  readonly isIntent: boolean;
  /** The model's own tokens are not what the history shows: a format may leave reasoning out of later prompts. */
  readonly differs: boolean;
  /** The turn as the history keeps it. */
  readonly message: PlainMessage;
}

/** How a turn is read. */
export interface TurnReading {
  readonly format: Pick<ConversationFormat, "isHermes" | "calls" | "thought">;
  readonly constraint: Constraint | undefined;
  /** Whether the model may think first. `"open"`: the prompt ends inside a thought. */
  readonly thought: "none" | "possible" | "open";
  readonly tags: ThoughtTags;
  /** The prompt ends in the text of the answer. */
  readonly isInText: boolean;
  /** A turn that was meant as calls may be written again. */
  readonly mayRewrite: boolean;
}

export class ReplyReader {
  readonly #thought: Pick<ThoughtReader, "read" | "end" | "found"> | undefined;
  #thoughtText = "";
  /** None where all of the turn is text. */
  #parser: ReplyParser | undefined;
  /** Of a turn that is calls or the answer, not enough has been read to tell. */
  #isUndecided: boolean;
  #beginning = "";
  /** As long as the answer may be calls in a form that is not theirs, and all of it until then. */
  #intent: CallIntent | undefined;
  #intended = "";
  readonly #tools: ReadonlyMap<string, Tool>;
  /** The texts with which calls begin. */
  #openings: readonly string[] = [];
  /** The model makes up ids of its own. */
  #hasIds = false;
  /** The turn ends with its first call. */
  readonly #endsWithCall: boolean;
  readonly #calls: TurnCalls;
  /** The turn's only call is complete, or a call would repeat another: the model need not write on. */
  #isOver = false;
  /** That has been told: nothing that follows is. */
  #isCut = false;
  /** Something was written that does not count. */
  #hasDropped = false;
  #isEnding = false;
  #incompleteCall: IncompleteCall | undefined;
  readonly #json: JsonProgress | undefined;
  /** Checks of calls that are still to be made, by the calls' arguments. */
  readonly #checks = new Map<unknown, CooperativeWork<CallFault | undefined>>();
  /** What has been told, by the kind of its events. */
  readonly #told = { text: "", reasoning: "", malformed: [] as string[] };

  constructor(settings: ToolSettings, { format, constraint, thought, tags, isInText, mayRewrite }: TurnReading) {
    const { tools, schema, isConstrained, parallelToolCalls, allowRepeatedCalls } = settings;
    this.#isUndecided = isConstrained && tools.size > 0 && schema !== undefined;
    this.#endsWithCall = constraint?.kind === "tools" ? !constraint.parallel : !parallelToolCalls;
    this.#calls = new TurnCalls(allowRepeatedCalls);
    const own = format.calls.kind === "own" ? format.calls.format : undefined;
    const openings = (own && openingsOf(own, [...tools.keys()]).map(({ text }) => text)) ?? ["<"];
    if (own?.messages !== undefined) {
      const state = isInText ? "text" : thought === "open" ? "thought" : "beginning";
      this.#thought = new MessagesReader(own.messages, format.thought, tools.size === 0 ? [] : openings, state);
    } else if (thought !== "none") {
      this.#thought = new ThoughtReader(thought === "open", tags, tools.size === 0 ? [] : openings);
    }
    this.#tools = tools;
    if (mayRewrite) this.#intent = new CallIntent([...tools.keys()]);
    // With tools, text may stand before a call.
    if (tools.size === 0) {
      if (schema !== undefined && !isConstrained) this.#json = new JsonProgress();
      return;
    }
    const definitions = [...tools.values()].map(({ name, parameters }) => ({ name, parameters }));
    this.#openings = openings.map((opening) => opening.trimStart());
    this.#hasIds = own?.call.some((piece) => typeof piece === "object" && piece.value === "id") ?? false;
    this.#parser = new ReplyParser(
      {
        tools: definitions,
        check: (name, args) => this.#check(checkCall(tools, name, args), args),
        untaggedCalls: acceptsUntagged(settings, format.isHermes) ? "accept" : "off",
        callsOnly: isWhole(constraint),
        callId: newCallId,
      },
      own,
    );
  }

  /**
   * The model went on to invent a result, to repeat a call, or past what was asked for, or can't make it JSON any more:
   * what follows is dropped.
   */
  get turnEnded(): boolean {
    if ((this.#isOver && !this.#isEnding) || this.#hasDropped) return true;
    return this.#parser?.turnEnded ?? this.#json?.isOver ?? false;
  }

  async read(event: TextEvent): Promise<ReplyEvent[]> {
    const { reasoning, text } = this.#thought?.read(event.text) ?? { reasoning: "", text: event.text };
    if (text === "" && (reasoning !== "" || event.text !== "")) return this.#reason({ ...event, text: reasoning });
    return [...this.#reason({ type: "text", text: reasoning }), ...(await this.#readAnswer({ ...event, text }))];
  }

  /** Reasoning is told of if there is any, or if tokens come with it. */
  #reason({ text, logProbabilities }: TextEvent): ReplyEvent[] {
    if (this.turnEnded || (text === "" && logProbabilities === undefined)) return [];
    this.#thoughtText += text;
    return [{ type: "reasoning", text, ...(logProbabilities === undefined ? {} : { logProbabilities }) }];
  }

  async #readAnswer(event: TextEvent): Promise<ReplyEvent[]> {
    if (this.#intent !== undefined) {
      this.#intended += event.text;
      this.#intent.feed(event.text);
      if (this.#intent.isPossible) return [];
      this.#intent = undefined;
      return this.#readAnswer({ ...event, text: this.#intended });
    }
    if (this.#isUndecided) {
      this.#beginning += event.text;
      const begin = this.#beginning.trimStart();
      const isCall = this.#openings.some((opening) => begin.startsWith(opening));
      if (!isCall && this.#openings.some((opening) => opening.startsWith(begin)))
        return event.logProbabilities === undefined ? [] : [{ ...event, text: "" }];
      this.#isUndecided = false;
      // JSON's strings may hold what looks like a call.
      if (!isCall) this.#parser = undefined;
      return this.#readAnswer({ ...event, text: this.#beginning });
    }
    if (this.turnEnded) return [];
    const parser = this.#parser;
    if (parser === undefined) {
      const text = this.#json === undefined ? event.text : event.text.slice(0, this.#json.read(event.text));
      this.#told.text += text;
      return text === "" && event.text !== "" ? [] : [{ ...event, text }];
    }
    const events = this.#translate(await this.#judge(parser.push(event.text)));
    // A call is told of when something follows it; a repetition is to end the turn at once.
    const last = parser.callDetails.length > this.#calls.calls.length ? parser.callDetails.at(-1) : undefined;
    if (last !== undefined && this.#calls.repeatedBy(last) !== undefined) this.#isOver = true;
    return events;
  }

  /** `hasTokensLeft`: the turn could be written again. */
  async end(finish: "stop" | "length", hasTokensLeft: boolean): Promise<GeneratedTurn> {
    const last = this.#thought?.end() ?? { reasoning: "", text: "" };
    const events = this.#reason({ type: "text", text: last.reasoning });
    if (last.text !== "") events.push(...(await this.#readAnswer({ type: "text", text: last.text })));
    const isIntent = finish === "stop" && hasTokensLeft && this.#isIntent();
    if (this.#intent !== undefined && !isIntent) {
      this.#intent = undefined;
      events.push(...(await this.#readAnswer({ type: "text", text: this.#intended })));
    }
    if (this.#isUndecided && this.#beginning !== "") {
      this.#isUndecided = false;
      events.push(...(await this.#readAnswer({ type: "text", text: this.#beginning })));
    }
    this.#isEnding = true;
    const parser = this.#parser;
    const whole = parser?.end({ finish });
    if (parser !== undefined)
      events.push(...this.#translate(await this.#judge(parser.takeEvents())), ...this.#calls.release());
    const told = this.#told;
    // Where something was dropped, what was told is all there is.
    const { content, reasoning, incomplete } =
      whole === undefined || this.#hasDropped
        ? { content: told.text, reasoning: told.reasoning, incomplete: false }
        : whole;
    const malformed = parser === undefined || this.#hasDropped ? told.malformed : parser.malformedTexts;
    const calls = [...this.#calls.calls];
    const toolCalls = calls.map(
      ({ id, name, argumentsText }): PlainToolCall => ({ id, name, arguments: argumentsText }),
    );
    const allReasoning = [this.#thoughtText, reasoning ?? ""].filter((text) => text !== "").join("\n");
    return {
      events,
      text: content,
      reasoning: allReasoning === "" ? undefined : allReasoning,
      calls,
      malformed,
      incomplete: incomplete ?? false,
      incompleteCall: incomplete ? this.#incompleteCall : undefined,
      isUntagged: parser?.wasUntagged ?? false,
      isIntent,
      differs:
        (parser?.suppliedTags ?? false) ||
        (this.#hasIds && calls.length > 0) ||
        allReasoning !== "" ||
        (this.#thought?.found ?? false),
      message: {
        role: "assistant",
        content: [content, ...malformed].filter((text) => text !== "").join("\n"),
        ...(toolCalls.length === 0 ? {} : { toolCalls }),
        ...(allReasoning === "" ? {} : { reasoning: allReasoning }),
      },
    };
  }

  #isIntent(): boolean {
    const isWrong = (name: string, args: unknown) => atOnce(checkCall(this.#tools, name, args)) !== undefined;
    return this.#thoughtText === "" && this.#intent?.finish(isWrong) === true;
  }

  /**
   * The parser goes on without a verdict, except where that decides whether the reply's text is a call: a check may
   * take long, and has a turn of its own.
   */
  #check(check: CooperativeWork<CallFault | undefined>, args: unknown): CallFault | undefined {
    if (this.#parser?.mayBeUntagged || !isObject(args)) return atOnce(check);
    this.#checks.set(args, check);
    return undefined;
  }

  /** Puts what is wrong with calls into their events. */
  async #judge(events: readonly ParserEvent[]): Promise<readonly ParserEvent[]> {
    const judged: ParserEvent[] = [];
    for (const event of events) {
      if (event.type !== "tool-call") {
        judged.push(event);
        continue;
      }
      const check = this.#checks.get(event.arguments);
      const fault = check && (await inTurns(check));
      judged.push(fault ? { ...event, problem: fault.problem, problemMessage: fault.message } : event);
    }
    return judged;
  }

  #translate(events: readonly ParserEvent[]): ReplyEvent[] {
    return events.flatMap((event): ReplyEvent[] => {
      if (this.#isCut) {
        this.#hasDropped = true;
        return [];
      }
      return this.#tell(event);
    });
  }

  #tell(event: ParserEvent): ReplyEvent[] {
    const calls = this.#calls;
    switch (event.type) {
      case "text":
      case "reasoning":
        this.#told[event.type] += event.text;
        return [...calls.release(), event];
      case "tool-call-start":
        return calls.start(event);
      case "tool-call-delta":
        return calls.delta(event);
      case "tool-call": {
        const told = calls.end(event);
        const isRepeat = told[0]?.type === "repeated-call";
        if (isRepeat) this.#hasDropped = true;
        if (isRepeat || this.#endsWithCall) this.#isOver = this.#isCut = true;
        return told;
      }
      case "malformed":
        this.#told.malformed.push(event.text);
        return [...calls.release(), event];
      case "incomplete":
        if (event.id !== undefined) this.#incompleteCall = calls.incomplete(event.id);
        return [];
      default:
        return [];
    }
  }
}

/** Judges a call by the tools' own schemas, whose sentences the model is told. */
function* checkCall(
  tools: ReadonlyMap<string, Tool>,
  name: string,
  args: unknown,
): CooperativeWork<CallFault | undefined> {
  const tool = tools.get(name);
  if (tool === undefined) return { problem: "unknown-tool", message: `There is no function ${describe(name)}.` };
  if (!isObject(args))
    return { problem: "invalid-arguments", message: `arguments must be an object, not ${describe(args)}.` };
  const verdict = yield* tool.schema.checkInSlices(args, "arguments");
  return verdict.ok ? undefined : { problem: "invalid-arguments", message: verdict.problem };
}
