// The conversations of one chat: a first one, and those that were forked from others.
import type { Chat, Reply } from "../../index.js";

export interface Fork {
  readonly name: string;
  chat: Chat;
  /** The last reply, which can be explained. */
  reply?: Reply | undefined;
  /** Where it was saved to or loaded from. */
  file?: string | undefined;
}

export class Forks {
  readonly #all: Fork[];
  #current: Fork;

  constructor(chat: Chat) {
    this.#current = { name: "main", chat };
    this.#all = [this.#current];
  }

  get all(): readonly Fork[] {
    return this.#all;
  }

  get current(): Fork {
    return this.#current;
  }

  /** Adds a conversation and goes on with it. Without a free name of its own it gets a number. */
  add(chat: Chat, name?: string): Fork {
    const fork: Fork = {
      name: name !== undefined && this.find(name) === undefined ? name : this.#freeNumber(),
      chat,
    };
    this.#all.push(fork);
    return (this.#current = fork);
  }

  find(name: string): Fork | undefined {
    return this.#all.find((fork) => fork.name === name);
  }

  switchTo(fork: Fork): void {
    this.#current = fork;
  }

  #freeNumber(): string {
    let number = this.#all.length;
    while (this.find(String(number)) !== undefined) number++;
    return String(number);
  }
}
