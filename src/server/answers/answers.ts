// The replies that make up one response, read together: an answer for each choice.
import { AnswerError, type FinishEvent, type Reply, type ReplyEvent, type Unenforced } from "../../index.js";
import { ApiError, inContext } from "../api_error.js";
import type { Service } from "../service.js";

export interface AnswerEvent {
  /** Of the choice. */
  readonly index: number;
  readonly event: ReplyEvent;
}

/** The events of all replies as they come. It reads one event of each ahead, and no more than that. */
export async function* readAnswers(
  replies: readonly Reply[],
  { model, requestContext, onFinish }: Service,
  strict: ReadonlySet<string | undefined> = new Set(),
): AsyncGenerator<AnswerEvent, void, undefined> {
  const iterators = replies.map((reply) => reply[Symbol.asyncIterator]());
  const step = (index: number) =>
    iterators[index]!.next()
      .catch(withoutAnswer)
      .then((result) => ({ index, result }));
  const pending = new Map(iterators.map((_, index) => [index, step(index)]));
  const begun = new Set<number>();
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      // Whoever was first goes to the end, so that none starves.
      pending.delete(index);
      if (!begun.has(index)) {
        begun.add(index);
        requestContext.begun();
        checkEnforced(replies[index]!.unenforced, strict);
      }
      if (result.done) continue;
      if (result.value.type === "finish") onFinish(result.value);
      pending.set(index, step(index));
      yield { index, event: result.value };
    }
  } catch (error) {
    throw inContext(error, model.info.contextSize);
  } finally {
    for (const promise of pending.values()) promise.catch(() => {});
    // Until the engine has stopped what was not read to its end.
    await Promise.allSettled(iterators.map((iterator) => iterator.return()));
    requestContext.end();
  }
}

/**
 * Clients get the text of an answer that does not satisfy its schema, or was cut off, as OpenAI gives it: its
 * finish_reason tells.
 */
function withoutAnswer(error: unknown): IteratorResult<ReplyEvent, void> {
  if (!(error instanceof AnswerError)) throw error;
  return { done: false, value: { type: "finish", ...error.result } };
}

/** Only the ends of the answers, in the order of the choices. */
export async function collectAnswers(events: AsyncIterable<AnswerEvent>): Promise<FinishEvent[]> {
  const results: FinishEvent[] = [];
  for await (const { index, event } of events) {
    if (event.type === "finish") results[index] = event;
  }
  return results;
}

function checkEnforced(unenforced: readonly Unenforced[], strict: ReadonlySet<string | undefined>): void {
  const broken = unenforced.find(({ tool }) => strict.has(tool));
  if (broken === undefined) return;
  const { tool, keyword, path, reason } = broken;
  throw new ApiError(
    400,
    "unsupported_schema",
    `strict cannot be kept for ${keyword} at ${path}: ${reason}. Without strict it is left to the model.`,
    { param: tool === undefined ? "response_format" : "tools" },
  );
}
