// Chooses the turns to drop when a conversation does not fit into the context: whole turns, oldest first, as few as
// possible.
import { contextFull, reading } from "../errors.js";
import type { PlainMessage } from "../format/plain_message.js";

/** Number of tokens kept free for the answer: `maxTokens`, at most a quarter of the context; an eighth without it. */
export function roomForAnswer(contextSize: number, maxTokens: number | undefined): number {
  const room = maxTokens === undefined ? contextSize / 8 : Math.min(maxTokens, contextSize / 4);
  return Math.max(1, Math.floor(room));
}

/** Index of the message where the turn to be answered begins: the last message of the user, else 0. */
export function answeredTurn(messages: readonly PlainMessage[]): number {
  return Math.max(
    systemMessages(messages),
    messages.findLastIndex(({ role }) => role === "user"),
  );
}

/** Number of system messages that the conversation begins with, which always stay. */
export function systemMessages(messages: readonly PlainMessage[]): number {
  const end = messages.findIndex(({ role }) => role !== "system");
  return end < 0 ? messages.length : end;
}

/**
 * The ends of the turns before `answered`, oldest first: a turn is a message of the user and everything up to the next
 * one. What comes before the first of them is a turn of its own.
 */
export function turnEnds(messages: readonly PlainMessage[], answered: number): number[] {
  const first = systemMessages(messages);
  const ends: number[] = [];
  for (let index = first + 1; index <= answered; index++) {
    if (index === answered || messages[index]?.role === "user") ends.push(index);
  }
  return ends;
}

/**
 * Smallest number of markup tokens of a message: every format has markup before and after it, and the name of its role.
 */
const tokensOfMarkup = 3;

/** What is known of a model's tokens before tokenizing. */
export interface TokenBounds {
  readonly contextSize: number;
  /** Length in bytes of the longest token; undefined if unknown. */
  readonly longestTokenBytes?: number | undefined;
}

/** Lower bound on the tokens of a message: a UTF-16 unit is at least one byte. */
export function leastTokens(
  { content, toolCalls = [] }: PlainMessage,
  { longestTokenBytes = Infinity }: TokenBounds,
): number {
  const length = toolCalls.reduce((sum, call) => sum + call.arguments.length, content.length);
  return tokensOfMarkup + Math.floor(length / longestTokenBytes);
}

/**
 * Refuses conversations that cannot fit before they are rendered, since that takes time by their length. Up to
 * `contexts` times the context passes.
 */
export function refuseIfTooLong(messages: readonly PlainMessage[], bounds: TokenBounds, contexts = 1): void {
  const least = messages.reduce((sum, message) => sum + leastTokens(message, bounds), 0);
  const { contextSize } = bounds;
  if (least < contexts * contextSize) return;
  throw contextFull(least, contextSize);
}

/** Refuses more messages than four contexts hold, before any is read. */
export function refuseTooMany(input: unknown, { contextSize }: TokenBounds): void {
  const length = reading("messages", () => (Array.isArray(input) ? input.length : 0), "INVALID_MESSAGES");
  if (length * tokensOfMarkup >= 4 * contextSize) throw contextFull(length * tokensOfMarkup, contextSize);
}

/** Estimated number of tokens of a message of ordinary text. */
export const likelyTokens = ({ content, toolCalls = [] }: PlainMessage): number =>
  tokensOfMarkup +
  1 +
  toolCalls.reduce((sum, call) => sum + call.arguments.length + call.name.length, content.length) / 3.5;

/**
 * For each number of `turns` that may be dropped, 0 included, whether what stays then has at most `most` of what
 * `count` counts; gives the smallest such number, or all turns. Constant work for each message.
 */
export function fewestByCount(
  messages: readonly PlainMessage[],
  ends: readonly number[],
  most: number,
  count: (message: PlainMessage) => number,
): number {
  const first = systemMessages(messages);
  const counts = messages.map(count);
  let rest = counts.reduce((sum, one) => sum + one, 0);
  let at = first;
  for (let turns = 0; turns < ends.length; turns++) {
    if (rest <= most) return turns;
    for (const end = ends[turns] as number; at < end; at++) rest -= counts[at] as number;
  }
  return ends.length;
}

/**
 * The smallest number from `least` to `most` that is enough, or `most` where none is. Begins at `guess` and goes away
 * from it in growing steps, since each question costs a tokenization of what stays: few are asked, and none of much
 * more than is needed.
 */
export async function fewestEnough(
  least: number,
  most: number,
  guess: number,
  isEnough: (count: number) => Promise<boolean>,
): Promise<number> {
  let [low, high] = [least, most];
  let step = Math.max(1, Math.ceil((most - guess) / 16));
  if (await isEnough(guess)) {
    high = guess;
    for (; low < high; step *= 2) {
      const probe = Math.max(low, high - step);
      if (await isEnough(probe)) high = probe;
      else low = probe + 1;
      if (low === probe + 1) break;
    }
  } else {
    low = Math.min(guess + 1, most);
    for (; low < high; step *= 2) {
      const probe = Math.min(high - 1, low + step - 1);
      if (await isEnough(probe)) high = probe;
      else low = probe + 1;
      if (high === probe) break;
    }
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isEnough(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
