// What texts begin and end with alike.
import { markersIn } from "../template/template_parts.js";

/** Length of the longest common beginning that cuts no marker. */
export function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  const cuts = [a, b].map(cutIn);
  let at = length;
  while (cuts.some((cut) => cut(at))) at--;
  return at;
}

/** Length of the longest common end that cuts no marker. */
export function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  const cuts = [a, b].map((text) => ({ text, cut: cutIn(text) }));
  let at = length;
  while (cuts.some(({ text, cut }) => cut(text.length - at))) at--;
  return at;
}

/** How many characters at the end of a text may begin `marker`. */
export function heldBack(text: string, marker: string): number {
  for (let length = Math.min(marker.length - 1, text.length); length > 0; length--)
    if (text.endsWith(marker.slice(0, length))) return length;
  return 0;
}

/** Whether there is a marker around a place. */
function cutIn(text: string): (at: number) => boolean {
  const inside = new Set<number>();
  for (const { from, to } of markersIn(text)) for (let at = from + 1; at < to; at++) inside.add(at);
  return (at) => inside.has(at);
}
