// A thought in front of a constrained answer, in GBNF.
import type { ThoughtRequest } from "../../engine.js";
import { type GbnfRules, literal } from "./gbnf_rules.js";

/** What stands before the answer: a thought, or none. */
export function thoughtGbnf({ opening, closing, open }: ThoughtRequest, rules: GbnfRules): string {
  const whole = `${until(closing, rules)} [ \\n\\r\\t]{0,4}`;
  return open ? whole : `(${literal(opening)} ${whole})?`;
}

/** Any text up to the end of its first `end`: a rule for each number of its characters that stand last. */
export function until(end: string, rules: GbnfRules): string {
  const characters = [...end];
  const names = characters.map(() => rules.reserve());
  const distinct = [...new Set(characters)];
  const others = `[^${distinct
    .map((one) =>
      literal(one)
        .slice(1, -1)
        .replace(/[\]^-]/g, "\\$&"),
    )
    .join("")}]`;
  for (const [count, name] of names.entries()) {
    const branches = distinct.map((one) => {
      const next = standing(characters, [...characters.slice(0, count), one]);
      const rest = next === characters.length ? "" : ` ${names[next]}`;
      return `${literal(one)}${rest}`;
    });
    rules.set(name, [...branches, `${others} ${names[0]}`].join(" | "));
  }
  return names[0]!;
}

/** How many characters of `end` the text ends with. */
function standing(end: readonly string[], text: readonly string[]): number {
  for (let size = Math.min(end.length, text.length); size > 0; size--)
    if (end.slice(0, size).every((one, index) => one === text[text.length - size + index])) return size;
  return 0;
}
