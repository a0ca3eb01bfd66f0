// JSON pointers: the part of a reference that leads into a schema.
import { isObject } from "../../json_object.js";

/** The schema below `root` that a pointer leads to; undefined where there is none. `pass` is called for each step. */
export function followPointer(
  root: unknown,
  pointer: string,
  pass: (place: unknown, key: string | number) => void,
): Record<string, unknown> | boolean | undefined {
  let place = root;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof place !== "object" || place === null || !Object.hasOwn(place, key)) return undefined;
    const at = Array.isArray(place) ? Number(key) : key;
    place = (place as Record<string, unknown>)[key];
    pass(place, at);
  }
  return isObject(place) || typeof place === "boolean" ? place : undefined;
}
