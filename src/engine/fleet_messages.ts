// What is told of the servers of a fleet.
import type { ErrorCode } from "../errors.js";

interface ServerMessage {
  /** Address of the server, as `connect` was given it. */
  readonly url: string;
}

/** A server of a fleet failed, and gets no requests until it answers a check. */
export interface ServerEjectMessage extends ServerMessage {
  /** Name and code of the failure. */
  readonly error: { readonly name: string; readonly code?: ErrorCode };
  /** Until it is looked at again, in milliseconds. */
  readonly pauseMs: number;
}

/** A server of a fleet says that it is ending: it finishes what it has begun. */
export interface ServerDrainMessage extends ServerMessage {
  /** Requests of this process that it has. */
  readonly requests: number;
}

/** A server of a fleet takes requests again, or for the first time. */
export interface ServerReturnMessage extends ServerMessage {
  /** How long it got none, in milliseconds. */
  readonly downMs: number;
}
