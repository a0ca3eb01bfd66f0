// A conversation as a tree of entries, each linked to the one it answers. The path to `leaf` is shown and sent.
import type { AnswerEntry, AnswerNumbers, Call, Entry, UserEntry } from "./entry.js";
import { newSettings, readSettings, type Settings } from "./settings.js";

export interface Conversation {
  readonly id: string;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly changedAt: number;
  /** Oldest first. */
  readonly entries: readonly Entry[];
  readonly leaf: string | null;
  readonly settings: Settings;
  /** Text in the message box. */
  readonly draft: string;
}

export function newConversation(settings: Settings = newSettings()): Conversation {
  return { id: newId(), title: "", changedAt: Date.now(), entries: [], leaf: null, settings, draft: "" };
}

export const newUserEntry = (parent: string | null, text: string): UserEntry => ({
  role: "user",
  id: newId(),
  parent,
  text,
});
export const newAnswer = (parent: string, isJson: boolean): AnswerEntry => ({
  role: "assistant",
  id: newId(),
  parent,
  text: "",
  reasoning: "",
  calls: [],
  state: "writing",
  note: "",
  isJson,
  numbers: null,
});

/** crypto.randomUUID exists only in secure contexts (https or localhost). */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The path to an entry, itself included; by default to the shown leaf. */
export function pathTo(conversation: Conversation, id: string | null = conversation.leaf): Entry[] {
  const byId = new Map(conversation.entries.map((entry) => [entry.id, entry]));
  const path: Entry[] = [];
  for (let entry = byId.get(id ?? ""); entry !== undefined; entry = byId.get(entry.parent ?? "")) path.push(entry);
  return path.reverse();
}

/** All versions of an entry, itself included. */
export function siblings(conversation: Conversation, { parent }: Entry): Entry[] {
  return conversation.entries.filter((entry) => entry.parent === parent);
}

export function addEntry(conversation: Conversation, entry: Entry): Conversation {
  const title =
    conversation.title === "" && entry.role === "user"
      ? entry.text.trim().split("\n", 1)[0]!.slice(0, 80)
      : conversation.title;
  return { ...conversation, title, entries: [...conversation.entries, entry], leaf: entry.id, changedAt: Date.now() };
}

export function replaceEntry(conversation: Conversation, entry: Entry): Conversation {
  return { ...conversation, entries: conversation.entries.map((old) => (old.id === entry.id ? entry : old)) };
}

/** Shows the version of the conversation that contains an entry, down to its newest leaf. */
export function showVersion(conversation: Conversation, id: string): Conversation {
  let leaf = id;
  for (
    let next: Entry | undefined;
    (next = conversation.entries.findLast(({ parent }) => parent === leaf)) !== undefined;
  )
    leaf = next.id;
  return { ...conversation, leaf };
}

/**
 * Reads a stored value; undefined if it is not a conversation. Answers that were being written count as stopped.
 */
export function readConversation(value: unknown): Conversation | undefined {
  const { id, title, changedAt, entries, leaf, settings, draft } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || typeof title !== "string" || typeof changedAt !== "number" || !Array.isArray(entries))
    return undefined;
  const read: Entry[] = [];
  const known = new Set<string>();
  for (const one of entries) {
    const entry = readEntry(one);
    // Parents come first, so that no path has a cycle.
    if (entry === undefined || known.has(entry.id) || (entry.parent !== null && !known.has(entry.parent)))
      return undefined;
    known.add(entry.id);
    read.push(entry);
  }
  return {
    id,
    title,
    changedAt,
    entries: read,
    leaf: typeof leaf === "string" && known.has(leaf) ? leaf : null,
    settings: readSettings(settings),
    draft: typeof draft === "string" ? draft : "",
  };
}

function readEntry(value: unknown): Entry | undefined {
  const { role, id, parent, text, reasoning, calls, state, note, isJson, numbers } = (value ?? {}) as Record<
    string,
    unknown
  >;
  if (
    typeof id !== "string" ||
    id === "" ||
    (parent !== null && typeof parent !== "string") ||
    typeof text !== "string"
  )
    return undefined;
  if (role === "user") return { role, id, parent, text };
  if (role !== "assistant" || !Array.isArray(calls) || typeof reasoning !== "string" || typeof note !== "string")
    return undefined;
  const ended = state === "done" || state === "failed" ? state : "stopped";
  return {
    role,
    id,
    parent,
    text,
    reasoning,
    calls: calls.flatMap(readCall),
    state: ended,
    note,
    isJson: isJson === true,
    numbers: readNumbers(numbers),
  };
}

function readCall(value: unknown): Call[] {
  const { id, name, argumentsText, state, result } = (value ?? {}) as Record<string, unknown>;
  if (
    typeof id !== "string" ||
    typeof name !== "string" ||
    typeof argumentsText !== "string" ||
    typeof result !== "string"
  )
    return [];
  return [{ id, name, argumentsText, state: state === "done" ? state : "left", result }];
}

function readNumbers(value: unknown): AnswerNumbers | null {
  const { promptTokens, cachedTokens, generatedTokens, firstTokenMs, tokensPerSecond } = (value ?? {}) as Record<
    string,
    unknown
  >;
  const all = [promptTokens, cachedTokens, generatedTokens, firstTokenMs, tokensPerSecond];
  return all.every((one) => typeof one === "number")
    ? ({ promptTokens, cachedTokens, generatedTokens, firstTokenMs, tokensPerSecond } as AnswerNumbers)
    : null;
}
