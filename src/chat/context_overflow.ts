// What goes when a conversation has outgrown the context: its oldest turns, whole, and no more of them than must.
import type { PlainMessage } from "../format/messages.js";

/** Tokens that are kept free for the answer: what was asked for, at most a quarter of the context, else an eighth of it. */
export function roomForAnswer(contextSize: number, maxTokens: number | undefined): number {
  const room = maxTokens === undefined ? contextSize / 8 : Math.min(maxTokens, contextSize / 4);
  return Math.max(1, Math.floor(room));
}

/** Where the turn to be answered begins: at the last message of the user. Without one, everything belongs to it. */
export function answeredTurn(messages: readonly PlainMessage[]): number {
  return Math.max(systemMessages(messages), messages.findLastIndex(({ role }) => role === "user"));
}

/** 1 where the conversation begins with a system message, which always stays, else 0. */
export function systemMessages(messages: readonly PlainMessage[]): number {
  return messages[0]?.role === "system" ? 1 : 0;
}

/**
 * The ends of the turns before `answered`, oldest first: a turn is a message of the user and everything up to the next one.
 * What comes before the first of them is a turn of its own.
 */
export function turnEnds(messages: readonly PlainMessage[], answered: number): number[] {
  const first = systemMessages(messages);
  const ends: number[] = [];
  for (let index = first + 1; index <= answered; index++) {
    if (index === answered || messages[index]?.role === "user") ends.push(index);
  }
  return ends;
}

/** The smallest number from 1 to `most` that is enough, or `most` where none is. Asks few times: each costs a tokenisation. */
export async function fewestEnough(most: number, isEnough: (count: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [1, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isEnough(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
