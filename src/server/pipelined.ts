// Requests that a client sends before it has the answers to earlier ones come out of one read of its connection, all at once:
// some 1,500 of 64 KB. One after the other, and whoever else has come is looked at in between.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";

/** Begins each request when the one before it on the same connection is answered. */
export function onePerConnection(listener: RequestListener): RequestListener {
  const last = new WeakMap<Socket, ServerResponse>();
  const answered = new WeakMap<ServerResponse, Promise<void>>();
  const wait = async (before: Promise<void>, incoming: IncomingMessage, outgoing: ServerResponse) => {
    await before;
    await setImmediate();
    // Of a client that has gone nothing more is begun.
    if (!incoming.socket.destroyed) listener(incoming, outgoing);
  };
  return (incoming, outgoing) => {
    const before = last.get(incoming.socket);
    last.set(incoming.socket, outgoing);
    answered.set(outgoing, new Promise((resolve) => outgoing.once("close", resolve)));
    if (before === undefined || before.closed) listener(incoming, outgoing);
    else void wait(answered.get(before)!, incoming, outgoing);
  };
}
