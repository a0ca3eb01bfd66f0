// The calls of one turn as its events report them. The events of a call that may still repeat an earlier one are held
// back until it differs, because events cannot be taken back.
import { canonicalJson } from "../../schema/canonical_json.js";
import type {
  IncompleteCall,
  RepeatedCallEvent,
  ReplyEvent,
  ToolCall,
  ToolCallDeltaEvent,
  ToolCallEvent,
  ToolCallStartEvent,
} from "../reply/reply_events.js";

/** A call that is being written. */
interface OpenCall {
  readonly id: string;
  readonly name: string;
  text: string;
  /** Events held back; undefined once it cannot be a repetition. */
  held: ReplyEvent[] | undefined;
  /** Earlier calls of the same function whose text begins like this one's. */
  alike: readonly ToolCall[];
  /**
   * How long the text is to be before the values are compared again: seldom enough that all comparisons together stay
   * linear.
   */
  compareAt: number;
}

export class TurnCalls {
  readonly #allowsRepeats: boolean;
  readonly #calls: ToolCall[] = [];
  readonly #byKey = new Map<string, ToolCall>();
  #open: OpenCall | undefined;

  constructor(allowsRepeats: boolean) {
    this.#allowsRepeats = allowsRepeats;
  }

  /** Those that were told whole. */
  get calls(): readonly ToolCall[] {
    return this.#calls;
  }

  /**
   * The earlier call of the turn that this one would repeat: the same function with the same values, whatever the order
   * of their keys.
   */
  repeatedBy(call: Pick<ToolCall, "name" | "arguments" | "argumentsText">): ToolCall | undefined {
    return this.#allowsRepeats ? undefined : this.#byKey.get(keyOf(call));
  }

  start(event: ToolCallStartEvent): ReplyEvent[] {
    const { id, name } = event;
    const again = this.#open?.id === id ? this.#open : undefined;
    const alike = this.#allowsRepeats ? [] : this.#calls.filter((call) => call.name === name);
    const mayHold = alike.length > 0 && (again === undefined || again.held !== undefined);
    // Written a second time: what was held back of the first is of no use.
    this.#open = { id, name, text: "", alike, compareAt: 0, held: mayHold ? [event] : undefined };
    if (!mayHold) return [event];
    return [];
  }

  delta(event: ToolCallDeltaEvent): ReplyEvent[] {
    const open = this.#open;
    if (open === undefined || open.id !== event.id) return [event];
    const at = open.text.length;
    open.text += event.textDelta;
    if (open.held === undefined) return [event];
    open.held.push(event);
    open.alike = open.alike.filter((call) => call.argumentsText.startsWith(event.textDelta, at));
    return open.alike.length > 0 || this.#mayRepeat(open, event) ? [] : this.release();
  }

  /** A call is complete. */
  end(event: ToolCallEvent): ReplyEvent[] {
    const repeated = this.repeatedBy(event);
    if (repeated !== undefined) {
      this.#open = undefined;
      const { id, name } = event;
      return [
        {
          type: "repeated-call",
          id,
          name,
          arguments: event.arguments,
          repeats: repeated.id,
        } satisfies RepeatedCallEvent,
      ];
    }
    const told = this.release();
    this.#open = undefined;
    const { type: _, ...call } = event;
    this.#calls.push(call);
    this.#byKey.set(keyOf(call), call);
    return [...told, event];
  }

  /** Returns the held back events, when the call is no repetition or the turn has ended. */
  release(): ReplyEvent[] {
    const held = this.#open?.held ?? [];
    if (this.#open !== undefined) this.#open.held = undefined;
    return held;
  }

  /** The incomplete call of that id. */
  incomplete(id: string): IncompleteCall | undefined {
    return this.#open?.id === id ? { id, name: this.#open.name, argumentsText: this.#open.text } : undefined;
  }

  /** Whether its values may still become those of an earlier call, written in another order or spacing. */
  #mayRepeat(open: OpenCall, { partial }: ToolCallDeltaEvent): boolean {
    if (open.text.length < open.compareAt) return true;
    open.compareAt = Math.max(open.text.length + 8, open.text.length * 1.5);
    return this.#calls.some((call) => call.name === open.name && mayBecome(partial, call.arguments));
  }
}

const keyOf = ({ name, arguments: args, argumentsText }: Pick<ToolCall, "name" | "arguments" | "argumentsText">) =>
  `${name} ${args === undefined ? argumentsText : canonicalJson(args)}`;

/**
 * Whether a value that is being written can end as that one: strings grow, keys are still to come, all else is
 * complete.
 */
function mayBecome(partial: unknown, whole: unknown): boolean {
  if (partial === undefined) return true;
  if (typeof partial === "string") return typeof whole === "string" && whole.startsWith(partial);
  if (typeof partial !== "object" || partial === null) return Object.is(partial, whole);
  if (typeof whole !== "object" || whole === null || Array.isArray(partial) !== Array.isArray(whole)) return false;
  return Object.entries(partial).every(
    ([key, member]) => Object.hasOwn(whole, key) && mayBecome(member, (whole as Record<string, unknown>)[key]),
  );
}
