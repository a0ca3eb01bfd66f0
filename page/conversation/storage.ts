// Conversations in the browser's own storage, each under a key of its own, so that two tabs do not overwrite each
// other's.
import { readConversation, type Conversation } from "./entries.js";

const prefix = "caduceus:conversation:";
const mostConversations = 100;
/** Browsers limit the storage of one server to some five million characters. */
const mostCharacters = 3_000_000;

/** All conversations, newest first. Damaged ones are removed. */
export function loadConversations(): Conversation[] {
  const found: Conversation[] = [];
  for (const key of storedKeys()) {
    const conversation = parse(localStorage.getItem(key));
    if (conversation !== undefined && key === prefix + conversation.id) found.push(conversation);
    else localStorage.removeItem(key);
  }
  return found.sort((one, other) => other.changedAt - one.changedAt);
}

function parse(text: string | null): Conversation | undefined {
  try {
    return readConversation(JSON.parse(text ?? ""));
  } catch {
    return undefined;
  }
}

/** Removes the oldest other conversations if space is needed; without space it is not stored. */
export function saveConversation(conversation: Conversation): void {
  const text = JSON.stringify(conversation);
  const key = prefix + conversation.id;
  if (text.length > mostCharacters) return;
  makeRoom(key, text.length);
  for (;;) {
    try {
      return localStorage.setItem(key, text);
    } catch {
      if (!removeOldest(key)) return;
    }
  }
}

export function forgetConversation(id: string): void {
  localStorage.removeItem(prefix + id);
}

const storedKeys = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));

function makeRoom(key: string, length: number): void {
  for (;;) {
    const others = storedKeys().filter((one) => one !== key);
    const size = others.reduce((sum, one) => sum + localStorage.getItem(one)!.length, length);
    if ((others.length < mostConversations && size <= mostCharacters) || !removeOldest(key)) return;
  }
}

function removeOldest(except: string): boolean {
  const age = (key: string) => parse(localStorage.getItem(key))?.changedAt ?? 0;
  const [oldest] = storedKeys()
    .filter((key) => key !== except)
    .sort((one, other) => age(one) - age(other));
  if (oldest === undefined) return false;
  localStorage.removeItem(oldest);
  return true;
}
