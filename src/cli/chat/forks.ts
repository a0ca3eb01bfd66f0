// The conversations of one chat: a first one, and those that were forked from others.
import type { Chat, Reply } from "../../index.js";

export interface Branch {
  readonly name: string;
  chat: Chat;
  /** The last reply, which can be explained. */
  reply?: Reply | undefined;
  /** Where it was saved to or loaded from. */
  file?: string | undefined;
}

export class Branches {
  readonly #all: Branch[];
  #current: Branch;

  constructor(chat: Chat) {
    this.#current = { name: "main", chat };
    this.#all = [this.#current];
  }

  get all(): readonly Branch[] {
    return this.#all;
  }

  get current(): Branch {
    return this.#current;
  }

  /** Adds a conversation and goes on with it. Without a free name of its own it gets a number. */
  add(chat: Chat, name?: string): Branch {
    const branch: Branch = {
      name: name !== undefined && this.find(name) === undefined ? name : this.#freeNumber(),
      chat,
    };
    this.#all.push(branch);
    return (this.#current = branch);
  }

  find(name: string): Branch | undefined {
    return this.#all.find((branch) => branch.name === name);
  }

  switchTo(branch: Branch): void {
    this.#current = branch;
  }

  #freeNumber(): string {
    let number = this.#all.length;
    while (this.find(String(number)) !== undefined) number++;
    return String(number);
  }
}
