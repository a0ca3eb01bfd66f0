// A running reply: streams the answer, answers its calls, and repeats that until there are no more calls.
import { streamChat } from "../server/chat_stream.js";
import { AnswerWriter } from "./answer_writer.js";
import { answerCalls } from "./answer_calls.js";
import { addEntry, newAnswer, newUserEntry, pathTo, replaceEntry } from "./entries.js";
import type { AnswerEntry } from "./entry.js";
import { requestBody } from "./settings.js";
import { announcement, find, running, setRunning, update } from "./store.js";

const mostRounds = 8;
/** Minimum time between updates of the screen. */
const showEveryMs = 40;

/** Adds a question after the entry `parent` (null: at the beginning) and requests its answer. */
export function say(conversationId: string, parent: string | null, text: string): void {
  const entry = newUserEntry(parent, text);
  update(conversationId, (conversation) => addEntry(conversation, entry));
  void reply(conversationId, entry.id);
}

export function stop(conversationId: string): void {
  running.value.get(conversationId)?.abort();
}

/** Answers the entry once more, or for the first time. Does nothing while the conversation is being answered. */
export async function reply(conversationId: string, to: string): Promise<void> {
  if (running.value.has(conversationId)) return;
  const stopping = new AbortController();
  setRunning(conversationId, stopping);
  announcement.value = "Writing an answer.";
  let last: AnswerEntry | undefined;
  try {
    for (let round = 1, parent = to; round <= mostRounds && !stopping.signal.aborted; round++, parent = last.id) {
      last = await write(conversationId, parent, round === 1, stopping.signal);
      if (last.state !== "done" || last.calls.length === 0) break;
      if (round === mostRounds) {
        last = {
          ...last,
          calls: last.calls.map((call) => ({ ...call, state: "left" as const })),
          note: `The model still called after ${mostRounds} rounds.`,
        };
        put(conversationId, last);
        break;
      }
      last = await answerCalls(last, (answer) => put(conversationId, answer), stopping.signal);
      if (last.state !== "done") break;
    }
  } finally {
    setRunning(conversationId, undefined);
    announcement.value = last === undefined ? "" : describeEnd(last);
  }
}

const put = (conversationId: string, answer: AnswerEntry) =>
  update(conversationId, (conversation) => replaceEntry(conversation, answer));

/** One round. Errors are shown in the answer. */
async function write(
  conversationId: string,
  parent: string,
  mayForce: boolean,
  signal: AbortSignal,
): Promise<AnswerEntry> {
  const { settings } = find(conversationId)!;
  const writer = new AnswerWriter(newAnswer(parent, settings.isJson));
  update(conversationId, (conversation) => addEntry(conversation, writer.answer));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = () => {
    timer = undefined;
    put(conversationId, writer.answer);
  };
  try {
    const body = requestBody(settings, pathTo(find(conversationId)!, parent), mayForce);
    for await (const chunk of streamChat(body, signal)) {
      writer.read(chunk);
      timer ??= setTimeout(show, showEveryMs);
    }
    writer.finish();
  } catch (error) {
    writer.fail(signal.aborted ? undefined : error instanceof Error ? error.message : String(error));
  }
  clearTimeout(timer);
  put(conversationId, writer.answer);
  return writer.answer;
}

/** The text for screen readers, cut if it is very long. */
function describeEnd({ state, text, note }: AnswerEntry): string {
  if (state === "failed") return `No answer. ${note}`;
  const shown = text.length > 1000 ? `${text.slice(0, 1000)} …` : text;
  return state === "stopped" ? `Stopped. ${shown}` : `Answer: ${shown}`;
}
