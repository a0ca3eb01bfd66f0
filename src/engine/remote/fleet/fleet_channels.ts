// Where `node:diagnostics_channel` is told what becomes of the servers of a fleet. No message has a key or a prompt.
import { channel } from "node:diagnostics_channel";
import { CaduceusError } from "../../../errors.js";
import type { ServerDrainMessage, ServerEjectMessage, ServerReturnMessage } from "../../fleet_messages.js";

const channels = {
  eject: channel("caduceus:server:eject"),
  drain: channel("caduceus:server:drain"),
  return: channel("caduceus:server:return"),
};

export function serverEjected(url: string, failure: unknown, pauseMs: number): void {
  if (!channels.eject.hasSubscribers) return;
  const name = failure instanceof Error ? failure.name : typeof failure;
  const error = failure instanceof CaduceusError ? { name, code: failure.code } : { name };
  channels.eject.publish({ url, error, pauseMs } satisfies ServerEjectMessage);
}

export function serverDrains(message: ServerDrainMessage): void {
  if (channels.drain.hasSubscribers) channels.drain.publish(message);
}

export function serverReturned(message: ServerReturnMessage): void {
  if (channels.return.hasSubscribers) channels.return.publish(message);
}
