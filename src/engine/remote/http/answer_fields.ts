// Reads what a server has answered: fields of the types that its API promises, or an error.
import { isObject } from "../../../json_object.js";
import { invalidAnswer } from "./upstream_errors.js";

export class AnswerFields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #url: string;
  readonly #place: string;

  constructor(value: unknown, url: string, place = "its answer") {
    if (!isObject(value)) throw invalidAnswer(url, `${place} that is no object`);
    this.#object = value;
    this.#url = url;
    this.#place = place;
  }

  value(name: string): unknown {
    const value = Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
    return value === null ? undefined : value;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  text(name: string): string | undefined {
    return this.#read(name, "text", (value) => typeof value === "string") as string | undefined;
  }

  number(name: string): number | undefined {
    return this.#read(name, "a number", (value) => typeof value === "number") as number | undefined;
  }

  /** A number of tokens, milliseconds or the like. */
  count(name: string): number | undefined {
    return this.#read(name, "a number from 0 up", (value) => typeof value === "number" && value >= 0) as
      | number
      | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.#read(name, "true or false", (value) => typeof value === "boolean") as boolean | undefined;
  }

  list(name: string): readonly unknown[] | undefined {
    return this.#read(name, "an array", Array.isArray) as readonly unknown[] | undefined;
  }

  fields(name: string): AnswerFields | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : new AnswerFields(value, this.#url, name);
  }

  /** Token ids. */
  tokens(name: string): Int32Array | undefined {
    const list = this.list(name);
    if (list === undefined) return undefined;
    return Int32Array.from(list, (token) => {
      if (Number.isInteger(token) && (token as number) >= 0 && (token as number) <= 0x7fffffff) return token as number;
      throw this.#invalid(name, "token ids");
    });
  }

  required<T>(name: string, read: (name: string) => T | undefined): T {
    const value = read.call(this, name);
    if (value === undefined) throw invalidAnswer(this.#url, `${this.#place} without ${name}`);
    return value;
  }

  #read(name: string, expected: string, isRight: (value: unknown) => boolean): unknown {
    const value = this.value(name);
    if (value === undefined || isRight(value)) return value;
    throw this.#invalid(name, expected);
  }

  #invalid(name: string, expected: string) {
    return invalidAnswer(this.#url, `${name} in ${this.#place} that is not ${expected}`);
  }
}
