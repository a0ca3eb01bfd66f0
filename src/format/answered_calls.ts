// Matches results with calls in message histories of other programs: those without ids are matched by their order.
import type { PlainMessage, PlainToolCall } from "./plain_message.js";

/**
 * Gives ids to calls that have none, or one that another call of their turn has, and to each result the id of the call
 * it answers: by its own id; else the first open call with its name; else, where it has no name, the first open call.
 * Results that no call fits stay as they are. `refuse` is called for a result whose id no earlier call has.
 */
export function linkResults(
  messages: readonly PlainMessage[],
  earlier: readonly PlainMessage[],
  refuse: (index: number, id: string) => never,
): PlainMessage[] {
  const known = new Set(earlier.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id)));
  const ids = new FreshIds(
    new Set([...known, ...messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id))]),
  );
  let open = OpenCalls.after(earlier);
  const linked = [...messages];
  for (let index = 0; index < messages.length; index++) {
    const { role, toolCalls } = messages[index]!;
    if (role === "tool") {
      let end = index;
      while (messages[end]?.role === "tool") end++;
      // Results that name their call come first: the others get what is left.
      for (let at = index; at < end; at++) {
        const { toolCallId } = messages[at]!;
        if (toolCallId === undefined) continue;
        if (!known.has(toolCallId)) refuse(at, toolCallId);
        linked[at] = withId(messages[at]!, open.takeGiven(toolCallId));
      }
      for (let at = index; at < end; at++) {
        if (messages[at]!.toolCallId === undefined)
          linked[at] = withId(messages[at]!, open.takeNext(messages[at]!.name));
      }
      index = end - 1;
    } else if (toolCalls !== undefined) {
      open = new OpenCalls();
      const calls = toolCalls.map((call): PlainToolCall => {
        const id = call.id === undefined || open.has(call.id) ? ids.next() : call.id;
        open.add({ id, given: call.id, name: call.name, isAnswered: false });
        known.add(id);
        return id === call.id ? call : { ...call, id };
      });
      if (calls.some((call, at) => call !== toolCalls[at])) linked[index] = { ...messages[index]!, toolCalls: calls };
    }
  }
  return linked;
}

function withId(result: PlainMessage, id: string | undefined): PlainMessage {
  return id === undefined || id === result.toolCallId ? result : { ...result, toolCallId: id };
}

interface OpenCall {
  /** Its id here, which no other call of the turn has. */
  readonly id: string;
  /** What it is called in the history. */
  readonly given: string | undefined;
  readonly name: string;
  isAnswered: boolean;
}

/** The calls of one turn, in lists from which the first that is open is taken: a turn may have thousands. */
class OpenCalls {
  readonly #all = new FirstOpen();
  readonly #byName = new Map<string, FirstOpen>();
  readonly #byGiven = new Map<string, FirstOpen>();

  /** What of an earlier conversation's last turn has no result yet. */
  static after(earlier: readonly PlainMessage[]): OpenCalls {
    const calls = new OpenCalls();
    const last = earlier.findLastIndex(({ role }) => role === "assistant");
    const answered = new Set(earlier.slice(last + 1).map(({ toolCallId }) => toolCallId));
    for (const { id = "", name } of earlier[last]?.toolCalls ?? [])
      calls.add({ id, given: id, name, isAnswered: answered.has(id) });
    return calls;
  }

  add(call: OpenCall): void {
    this.#all.add(call);
    listOf(this.#byName, call.name).add(call);
    if (call.given !== undefined) listOf(this.#byGiven, call.given).add(call);
  }

  has(given: string): boolean {
    return this.#byGiven.has(given);
  }

  takeGiven(given: string): string | undefined {
    return this.#byGiven.get(given)?.take();
  }

  takeNext(name: string | undefined): string | undefined {
    return name === undefined ? this.#all.take() : this.#byName.get(name)?.take();
  }
}

function listOf(map: Map<string, FirstOpen>, key: string): FirstOpen {
  let list = map.get(key);
  if (list === undefined) map.set(key, (list = new FirstOpen()));
  return list;
}

class FirstOpen {
  readonly #calls: OpenCall[] = [];
  #first = 0;

  add(call: OpenCall): void {
    this.#calls.push(call);
  }

  take(): string | undefined {
    while (this.#calls[this.#first]?.isAnswered) this.#first++;
    const call = this.#calls[this.#first];
    if (call !== undefined) call.isAnswered = true;
    return call?.id;
  }
}

class FreshIds {
  readonly #taken: ReadonlySet<string | undefined>;
  #count = 0;

  constructor(taken: ReadonlySet<string | undefined>) {
    this.#taken = taken;
  }

  next(): string {
    for (;;) {
      const id = `call_${this.#count++}`;
      if (!this.#taken.has(id)) return id;
    }
  }
}
