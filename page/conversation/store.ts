// All conversations, the shown one, and the running replies.
import { computed, signal } from "@preact/signals";
import { newConversation, type Conversation } from "./entries.js";
import { nextSettings, type Settings } from "./settings.js";
import { forgetConversation, loadConversations, saveConversation } from "./storage.js";

const saveAfterMs = 1000;

const stored = loadConversations();
/** Newest first. */
export const conversations = signal<readonly Conversation[]>(stored.length > 0 ? stored : [newConversation()]);
const currentId = signal(conversations.value[0]!.id);
export const current = computed(
  () => conversations.value.find(({ id }) => id === currentId.value) ?? conversations.value[0]!,
);
/** Running replies by conversation, each with a function that stops it. */
export const running = signal<ReadonlyMap<string, AbortController>>(new Map());
/** Announcement for screen readers. */
export const announcement = signal("");

const unsaved = new Map<string, ReturnType<typeof setTimeout>>();

export function find(id: string): Conversation | undefined {
  return conversations.value.find((one) => one.id === id);
}

/** Does nothing if the conversation was deleted meanwhile. */
export function update(id: string, change: (conversation: Conversation) => Conversation): void {
  conversations.value = conversations.value.map((one) => (one.id === id ? change(one) : one));
  if (!unsaved.has(id))
    unsaved.set(
      id,
      setTimeout(() => save(id), saveAfterMs),
    );
}

function save(id: string): void {
  clearTimeout(unsaved.get(id));
  unsaved.delete(id);
  const conversation = find(id);
  // Empty conversations are not stored.
  if (conversation !== undefined && conversation.entries.length > 0) saveConversation(conversation);
}

addEventListener("pagehide", () => {
  for (const id of unsaved.keys()) save(id);
});

export function changeSettings(change: Partial<Settings>): void {
  update(current.value.id, (conversation) => ({ ...conversation, settings: { ...conversation.settings, ...change } }));
}

export function show(id: string): void {
  currentId.value = id;
}

/**
 * Starts a conversation with the settings of the shown one, except those for its answers. An empty one is reused.
 */
export function startConversation(): void {
  const empty = conversations.value.find(({ entries, draft }) => entries.length === 0 && draft === "");
  if (empty !== undefined) return show(empty.id);
  const fresh = newConversation(nextSettings(current.value.settings));
  conversations.value = [fresh, ...conversations.value];
  show(fresh.id);
}

export function deleteConversation(id: string): void {
  running.value.get(id)?.abort();
  const { settings } = current.value;
  const rest = conversations.value.filter((one) => one.id !== id);
  conversations.value = rest.length > 0 ? rest : [newConversation(nextSettings(settings))];
  if (currentId.value === id) show(conversations.value[0]!.id);
  forgetConversation(id);
}

export function setRunning(id: string, stopping: AbortController | undefined): void {
  const next = new Map(running.value);
  if (stopping === undefined) next.delete(id);
  else next.set(id, stopping);
  running.value = next;
}
