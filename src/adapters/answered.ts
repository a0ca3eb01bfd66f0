// Replies as frameworks want them: each comes to an end with what was written, and the framework judges the answer.
import { AnswerError, type Model, type Reply, type ReplyEvent, type ReplyResult } from "../index.js";

/** What an adapter needs of a model that generates text. */
export type TextModel = Pick<Model, "reply" | "info" | "capabilities">;

/** The result, also of a reply whose answer does not satisfy its schema, or was cut off. */
export async function resultOf(reply: Reply): Promise<ReplyResult> {
  try {
    return await reply;
  } catch (error) {
    return written(error);
  }
}

/** The events of a reply, read one by one. */
export interface Events {
  /** Undefined after the last, which is `finish`. */
  next(): Promise<ReplyEvent | undefined>;
  /** Ends the reply, and a pending `next` with it. */
  leave(): Promise<unknown>;
}

export function eventsOf(reply: Reply): Events {
  const events = reply[Symbol.asyncIterator]();
  return {
    next: async () => {
      try {
        return (await events.next()).value ?? undefined;
      } catch (error) {
        return { type: "finish", ...written(error) };
      }
    },
    leave: () => events.return(),
  };
}

function written(error: unknown): ReplyResult {
  if (error instanceof AnswerError) return error.result;
  throw error;
}

/** What stands in a conversation for content that the model cannot read. */
export const leftOut = (what: string): string => `[Left out: ${what}. This model reads text only.]`;

/** How adapters call a model. */
export const nameOf = ({ info }: Pick<Model, "info">): string =>
  info.name ?? info.path.replace(/^.*[\\/]/, "").replace(/\.gguf$/, "");
