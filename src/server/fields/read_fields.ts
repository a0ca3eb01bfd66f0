// Reads the fields of a request one by one, and refuses a wrong type with the field's name. As with OpenAI, null means
// missing. check_fields.ts handles all other fields.
import { describe, invalidValue } from "../../errors.js";
import { ApiError } from "../api_error.js";
import { isObject } from "../../json_object.js";

export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path = "") {
    if (!isObject(value)) throw invalid(path === "" ? undefined : path, "an object", value);
    this.#object = value as Record<string, unknown>;
    this.#path = path;
  }

  value(name: string): unknown {
    const value = Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
    return value === null ? undefined : value;
  }

  names(): string[] {
    return Object.keys(this.#object);
  }

  /** How errors name a field. */
  path(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  text(name: string): string | undefined {
    return this.#read(name, "a string", (value) => typeof value === "string") as string | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.#read(name, "true or false", (value) => typeof value === "boolean") as boolean | undefined;
  }

  list(name: string): readonly unknown[] | undefined {
    return this.#read(name, "an array", Array.isArray) as readonly unknown[] | undefined;
  }

  fields(name: string): Fields | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : new Fields(value, this.path(name));
  }

  /** All fields, of an object that is a map. */
  entries(name: string): [string, unknown][] | undefined {
    const fields = this.fields(name);
    return fields && Object.entries(fields.#object);
  }

  number(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.#read(name, "a number", (value) => typeof value === "number") as number | undefined;
    if (value === undefined || (value >= minimum && value <= maximum)) return value;
    throw outOfRange(this.path(name), "a number", minimum, maximum, value);
  }

  wholeNumber(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.#read(name, "a whole number", Number.isInteger) as number | undefined;
    if (value === undefined || (value >= minimum && value <= maximum)) return value;
    throw outOfRange(this.path(name), "a whole number", minimum, maximum, value);
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    const expected = choices.map((one) => JSON.stringify(one)).join(" or ");
    throw invalidContent(this.path(name), expected, describe(value));
  }

  /** A field without which there is no request. */
  required<T>(name: string, read: (name: string) => T | undefined): T {
    const value = read.call(this, name);
    if (value !== undefined) return value;
    throw new ApiError(400, "missing_required_parameter", `The required parameter ${this.path(name)} is missing.`, {
      param: this.path(name),
    });
  }

  #read(name: string, expected: string, isRight: (value: unknown) => boolean): unknown {
    const value = this.value(name);
    if (value === undefined || isRight(value)) return value;
    throw invalid(this.path(name), expected, value);
  }
}

export function invalid(param: string | undefined, expected: string, value: unknown): ApiError {
  return new ApiError(
    400,
    "invalid_type",
    invalidValue({ expected, place: param ?? "the request", received: describe(value) }),
    { param },
  );
}

function outOfRange(param: string, kind: string, minimum: number, maximum: number, value: number): ApiError {
  return invalidContent(param, `${kind} from ${minimum} to ${maximum}`, String(value));
}

/** A value of the right type that cannot be used; `received` says what it was. */
export function invalidContent(param: string, expected: string, received: string): ApiError {
  return new ApiError(400, "invalid_value", invalidValue({ expected, place: param, received }), { param });
}

/** The error for a field that the server does not support. */
export function unsupported(param: string, why: string): ApiError {
  return new ApiError(400, "unsupported_parameter", `${param} is not supported: ${why}`, { param });
}
