// JSON that holds texts of JSON as they are: the arguments of calls where an API has them as objects. Read and written
// again, their integers beyond 2^53 would lose digits.
import { randomUUID } from "node:crypto";

/** A value whose JSON is `text`. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    // Between tokens only: in a string they are escaped.
    this.text = text.replace(/[\r\n]+/g, " ");
  }
}

/** `JSON.stringify` for values with `JsonText` in them. */
export function toJson(value: object): string {
  const texts: string[] = [];
  // Nobody can write what nobody knows before.
  const mark = randomUUID();
  const json = JSON.stringify(value, (_, member: unknown) =>
    member instanceof JsonText ? `${mark}${texts.push(member.text) - 1}` : member,
  );
  return texts.length === 0 ? json : json.replace(new RegExp(`"${mark}(\\d+)"`, "g"), (_, index) => texts[index]!);
}
