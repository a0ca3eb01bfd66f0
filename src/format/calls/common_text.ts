// What texts begin and end with alike, without cutting a marker.
import { markersIn } from "../template/template_parts.js";

/** Length of the longest common beginning. */
export function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  while ([a, b].some((text) => cuts(text, length))) length--;
  return length;
}

/** Length of the longest common end. */
export function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  while ([a, b].some((text) => cuts(text, text.length - length))) length--;
  return length;
}

/** Whether there is a marker around this place. */
function cuts(text: string, at: number): boolean {
  return markersIn(text).some(({ from, to }) => from < at && at < to);
}
