// Limits on incomplete request bodies, so that a client with half-sent bodies takes no place in the queue, and one with
// many of them none from other clients.
import { isIPv6 } from "node:net";
import { ApiError, retryAfter } from "../api_error.js";

export interface PendingLimits {
  /** Bodies at a time, of all clients together. */
  readonly maxPendingBodies: number;
  /** Of one remote address. */
  readonly maxPendingBodiesPerAddress: number;
  /** Bytes that all of them hold. */
  readonly maxPendingBytes: number;
}

/** A body of which nothing has come for so long gives up its place where others want it. */
const stalledMs = 1_000;

export class PendingBodies {
  readonly #limits: PendingLimits;
  readonly #stalledMs: number;
  readonly #bodies = new Set<PendingBody>();
  #bytes = 0;

  constructor(limits: PendingLimits, stalled = stalledMs) {
    this.#limits = limits;
    this.#stalledMs = stalled;
  }

  get count(): number {
    return this.#bodies.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Throws where there is no place. Without an address only the limits of all together hold. `onGivenUp`: it has to
   * end, for others.
   */
  enter(address: string | undefined, onGivenUp: (error: ApiError) => void): PendingBody {
    const { maxPendingBodies, maxPendingBodiesPerAddress } = this.#limits;
    const owner = address === undefined ? Symbol("unknown") : networkOf(address);
    const own = [...this.#bodies].filter((body) => body.owner === owner);
    if (own.length >= maxPendingBodiesPerAddress)
      this.#replaceOne(own, `${own.length} bodies of this address are arriving already`);
    if (this.#bodies.size >= maxPendingBodies)
      this.#replaceOne([...this.#bodies], `${this.#bodies.size} bodies are arriving already`);
    const body = new PendingBody(owner, {
      received: (bytes) => this.#received(bytes),
      leave: () => this.#leave(body),
      givenUp: onGivenUp,
    });
    this.#bodies.add(body);
    return body;
  }

  #received(bytes: number): void {
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.maxPendingBytes) {
      const held = new Map<unknown, number>();
      for (const { owner, bytes: count } of this.#bodies) held.set(owner, (held.get(owner) ?? 0) + count);
      const [greediest] = [...held].reduce((most, one) => (one[1] > most[1] ? one : most));
      longestIdle([...this.#bodies].filter(({ owner, bytes: count }) => owner === greediest && count > 0)).giveUp(
        tooMany("The bodies that are arriving hold too much memory"),
      );
    }
  }

  #leave(body: PendingBody): void {
    if (this.#bodies.delete(body)) this.#bytes -= body.bytes;
  }

  #replaceOne(bodies: readonly PendingBody[], reason: string): void {
    const oldest = longestIdle(bodies);
    if (performance.now() - oldest.lastMs < this.#stalledMs) throw tooMany(reason);
    oldest.giveUp(
      new ApiError(
        408,
        "request_timeout",
        `Nothing of the body came for ${this.#stalledMs} ms, and others wanted its place.`,
        { headers: { connection: "close" } },
      ),
    );
  }
}

interface PendingHooks {
  readonly received: (bytes: number) => void;
  readonly leave: () => void;
  readonly givenUp: (error: ApiError) => void;
}

/** A body on its way. */
export class PendingBody {
  /** Whose it is. */
  readonly owner: string | symbol;
  /** When something of it came last. */
  lastMs = performance.now();
  bytes = 0;
  readonly #hooks: PendingHooks;

  constructor(owner: string | symbol, hooks: PendingHooks) {
    this.owner = owner;
    this.#hooks = hooks;
  }

  received(bytes: number): void {
    this.lastMs = performance.now();
    this.bytes += bytes;
    this.#hooks.received(bytes);
  }

  /** May be called twice. */
  leave(): void {
    this.#hooks.leave();
  }

  giveUp(error: ApiError): void {
    this.leave();
    this.#hooks.givenUp(error);
  }
}

const longestIdle = (bodies: readonly PendingBody[]) =>
  bodies.reduce((oldest, body) => (body.lastMs < oldest.lastMs ? body : oldest));

function tooMany(reason: string): ApiError {
  return new ApiError(429, "rate_limit_exceeded", `${reason}. Try again later.`, { headers: retryAfter });
}

/** What one client has of addresses: one of IPv4, a network of 64 bits of IPv6. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [first = "", rest] = address.replace(/%.*$/, "").split("::");
  const groups = first === "" ? [] : first.split(":");
  const behind = rest === undefined || rest === "" ? [] : rest.split(":");
  const zeros = Array<string>(Math.max(0, 8 - groups.length - behind.length)).fill("0");
  return [...groups, ...zeros, ...behind]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":");
}
