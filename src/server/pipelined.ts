// Requests that a client sends before it has the answers to earlier ones come out of one read of its connection, all at
// once: some 1,500 of 64 KB. One after the other, and whoever else has come is looked at in between. Node tells nobody
// that a client has gone whose request still waits for its turn to be answered.
import { setImmediate } from "node:timers/promises";
import { incomingOf, outgoingOf } from "./http/node_request.js";

export class Pipelined {
  /** The last request of each connection. */
  readonly #last = new WeakMap<object, { readonly isAnswered: () => boolean; readonly answered: Promise<void> }>();

  /**
   * Undefined where nothing comes before a request on its connection. Otherwise resolves when that is answered, with
   * whether the client is still there. `env` is what the adapter gave to `fetch`.
   */
  next(env: unknown): Promise<boolean> | undefined {
    const socket = incomingOf(env)?.socket;
    const outgoing = outgoingOf(env);
    if (typeof socket !== "object" || socket === null || typeof outgoing?.once !== "function") return undefined;
    const before = this.#last.get(socket);
    let isAnswered = false;
    const answered = new Promise<void>((resolve) =>
      outgoing.once!("close", () => {
        isAnswered = true;
        resolve();
      }),
    );
    this.#last.set(socket, { isAnswered: () => isAnswered, answered });
    if (before === undefined || before.isAnswered()) return undefined;
    return before.answered.then(() => setImmediate()).then(() => socket.destroyed !== true);
  }
}
