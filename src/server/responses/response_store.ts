// Responses that clients can refer to, in memory and within limits. A response holds on to those it continues, so that
// its conversation is whole for as long as it is stored.
import { randomUUID } from "node:crypto";

export interface StoreLimits {
  /** Responses of all clients together. */
  readonly maxStoredResponses: number;
  /** What all of them hold together. */
  readonly maxStoredResponseBytes: number;
}

/** An item of a conversation, in the API's form. */
export type Item = { readonly id: string; readonly type: string } & Readonly<Record<string, unknown>>;

/** A response as it is stored. */
export class StoredResponse {
  readonly body: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly input: readonly Item[];
  readonly output: readonly Item[];
  readonly previous: StoredResponse | undefined;
  readonly bytes: number;
  /** With those that it continues. */
  readonly conversationBytes: number;
  /** How many others and names lead to it: at 0 it holds no memory. */
  holders = 0;

  constructor(
    body: StoredResponse["body"],
    input: readonly Item[],
    output: readonly Item[],
    previous: StoredResponse | undefined,
  ) {
    this.body = body;
    this.input = input;
    this.output = output;
    this.previous = previous;
    this.bytes = Buffer.byteLength(JSON.stringify([body, input]));
    this.conversationBytes = this.bytes + (previous?.conversationBytes ?? 0);
  }

  /** The whole conversation, oldest first. */
  get conversation(): readonly Item[] {
    const turns: (readonly Item[])[] = [];
    for (let one: StoredResponse | undefined = this; one !== undefined; one = one.previous)
      turns.push([...one.input, ...one.output]);
    return turns.reverse().flat();
  }
}

/** What one API key has stored: by their ids, the least recently used first. */
interface Scope {
  readonly responses: Map<string, StoredResponse>;
  /** What was answered in all conversations that they lead to, by its id. */
  readonly items: Map<string, Item>;
  /** What all these conversations hold. */
  bytes: number;
}

export class ResponseStore {
  readonly #limits: StoreLimits;
  readonly #scopes = new Map<string, Scope>();
  #count = 0;
  #bytes = 0;
  #isClosed = false;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined where there is none, or another key has stored it. */
  find(scope: string, id: string): StoredResponse | undefined {
    const responses = this.#scopes.get(scope)?.responses;
    const found = responses?.get(id);
    if (found === undefined) return undefined;
    // The most recently used is the last.
    responses!.delete(id);
    responses!.set(id, found);
    return found;
  }

  findItem(scope: string, id: string): Item | undefined {
    return this.#scopes.get(scope)?.items.get(id);
  }

  add(scope: string, stored: StoredResponse): void {
    const { maxStoredResponses, maxStoredResponseBytes } = this.#limits;
    if (this.#isClosed || maxStoredResponses === 0) return;
    this.delete(scope, stored.body.id);
    let own = this.#scopes.get(scope);
    if (own === undefined) this.#scopes.set(scope, (own = { responses: new Map(), items: new Map(), bytes: 0 }));
    own.responses.set(stored.body.id, stored);
    this.#count++;
    this.#hold(own, stored);
    while (this.#bytes > maxStoredResponseBytes) this.#forgetOne(({ bytes }) => bytes);
    while (this.#count > maxStoredResponses) this.#forgetOne(({ responses }) => responses.size);
  }

  /** Whether there was one. Those that continue it keep their conversations. */
  delete(scope: string, id: string): boolean {
    const own = this.#scopes.get(scope);
    const stored = own?.responses.get(id);
    if (own === undefined || stored === undefined) return false;
    own.responses.delete(id);
    this.#count--;
    this.#release(own, stored);
    if (own.responses.size === 0) this.#scopes.delete(scope);
    return true;
  }

  /** Forgets all, and stores nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#scopes.clear();
    this.#count = 0;
    this.#bytes = 0;
  }

  /** Of the key that has most, the response that was not used for longest. */
  #forgetOne(size: (scope: Scope) => number): void {
    const [scope, { responses }] = [...this.#scopes].reduce((most, one) => (size(one[1]) > size(most[1]) ? one : most));
    const [oldest] = responses.keys();
    this.delete(scope, oldest!);
  }

  #hold(own: Scope, stored: StoredResponse): void {
    for (let one: StoredResponse | undefined = stored; one !== undefined; one = one.previous) {
      // What is held already holds what comes before it.
      if (one.holders++ > 0) return;
      this.#bytes += one.bytes;
      own.bytes += one.bytes;
      for (const item of one.output) own.items.set(item.id, item);
    }
  }

  #release(own: Scope, stored: StoredResponse): void {
    for (let one: StoredResponse | undefined = stored; one !== undefined; one = one.previous) {
      if (--one.holders > 0) return;
      this.#bytes -= one.bytes;
      own.bytes -= one.bytes;
      for (const { id } of one.output) own.items.delete(id);
    }
  }
}

/** Ids in OpenAI's form: `resp_…`, `msg_…`, `fc_…`. */
export const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll("-", "")}`;
