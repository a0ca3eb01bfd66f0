// What an adapter for Node's own servers tells beside a request: its `env` is `{ incoming, outgoing }`, Node's request
// and response.

/** Of Node's `IncomingMessage`, what the server looks at; all of it may be missing elsewhere. */
export interface Incoming {
  readonly socket?: { readonly remoteAddress?: string | undefined; readonly destroyed?: boolean } | undefined;
  readonly readableDidRead?: boolean | undefined;
  readonly url?: string | undefined;
  /** The whole path, where a router such as Express' has cut `url`. */
  readonly originalUrl?: string | undefined;
  /** What a parser of bodies left behind. */
  readonly body?: unknown;
}

export function incomingOf(env: unknown): Incoming | undefined {
  const incoming = (env as { readonly incoming?: unknown } | null | undefined)?.incoming;
  return typeof incoming === "object" && incoming !== null ? incoming : undefined;
}

/** A response of Node's whose reader lags can only be thrown away: what it holds would wait for ever. */
export function disconnectOf(env: unknown): (() => void) | undefined {
  const outgoing = outgoingOf(env);
  return typeof outgoing?.destroy === "function" ? () => outgoing.destroy!() : undefined;
}

/** Of Node's `ServerResponse`. */
interface Outgoing {
  readonly destroy?: () => void;
  readonly once?: (event: "prefinish" | "close", listener: () => void) => unknown;
  readonly socket?: { readonly setTimeout?: (milliseconds: number) => unknown } | null;
}

export const outgoingOf = (env: unknown) => (env as { readonly outgoing?: Outgoing } | null | undefined)?.outgoing;

/**
 * Closes the connection of a client that leaves a whole answer unread for so long: until then all of it is kept. Node
 * closes what times out, counts again whenever some of it is taken, and has a time of its own for what waits for the
 * next request.
 */
export function limitReading(env: unknown, milliseconds: number): void {
  const outgoing = outgoingOf(env);
  outgoing?.once?.("prefinish", () => outgoing.socket?.setTimeout?.(milliseconds));
}

/**
 * Where a page belongs that was asked for without the slash behind its folder, relative to that; its files would not be
 * found.
 */
export function missingSlash(env: unknown): string | undefined {
  const incoming = incomingOf(env);
  const [path = "", query] = (incoming?.originalUrl ?? incoming?.url ?? "").split("?", 2);
  if (!path.startsWith("/") || path.endsWith("/")) return undefined;
  return `./${path.slice(path.lastIndexOf("/") + 1)}/${query === undefined ? "" : `?${query}`}`;
}
