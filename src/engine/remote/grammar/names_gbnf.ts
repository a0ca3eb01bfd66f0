// Names of further properties: any but those that are declared.
import { characters, type GbnfRules, literal } from "./gbnf_rules.js";

interface Place {
  isName: boolean;
  readonly next: Map<string, Place>;
}

/** Characters of all names: each is a rule. */
const mostCharacters = 4_000;
const longestName = 500;

const last = 0x10ffff;
const named = ["b", "f", "n", "r", "t"];
/** They have several forms, or none but an escape. */
const isPlain = (character: string) => !/[\0-\x1f\x7f\p{Surrogate}]/u.test(character);

/** Whether a grammar can tell these names from others. */
export const canExclude = (names: readonly string[]): boolean =>
  names.reduce((sum, name) => sum + name.length, 0) <= mostCharacters &&
  names.every((name) => name.length <= longestName && [...name].every(isPlain));

/** A rule for a string in its quotes that is none of the names. `character`: a rule for one of its characters. */
export function otherName(names: readonly string[], character: string, rules: GbnfRules): string {
  const root: Place = { isName: false, next: new Map() };
  for (const name of names) {
    let place = root;
    for (const one of name) {
      if (!place.next.has(one)) place.next.set(one, { isName: false, next: new Map() });
      place = place.next.get(one)!;
    }
    place.isName = true;
  }
  const rest = rules.add(`${character}* "\\""`);
  const write = ({ isName, next }: Place): string => {
    const branches = [...next].map(([one, place]) => `${literal(JSON.stringify(one).slice(1, -1))} ${write(place)}`);
    if (!isName) branches.push('"\\""');
    branches.push(`(${others([...next.keys()])}) ${rest}`);
    return rules.add(branches.join(" | "));
  };
  return rules.add(`"\\"" ${write(root)}`);
}

/** A character that is none of these. */
function others(taken: readonly string[]): string {
  const codes = [...new Set([0x22, 0x5c, 0x7f, ...taken.map((one) => one.codePointAt(0)!)])].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  let from = 0x20;
  for (const code of codes) {
    if (code > from) ranges.push([from, code - 1]);
    from = code + 1;
  }
  if (from <= last) ranges.push([from, last]);
  const escapes = ['"', "\\"].filter((one) => !taken.includes(one)).map((one) => `\\${one}`);
  return `${characters(ranges)} | "\\\\" ([${escapes.join("")}${named.join("")}] | "u00" [01] [0-9a-f])`;
}
