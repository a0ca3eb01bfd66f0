// Finds the texts with which calls begin, and the fixed texts inside them, whatever white space stands in between.
// native/engine/constraint/opening_trigger.cpp does the same, so that the engine constrains what is read here.

import type { Opening } from "../../../engine/call_format.js";

const isSpace = (character: string) => /^[ \t-\r]$/.test(character);

/** More white space is text. */
const mostSpaces = 256;

/** Whether white space may stand before the character of `text` at `at`, whatever the text has there. */
const takesSpace = (text: string, at: number) =>
  isSpace(text[at] as string) || "<>[]{}:,".includes(text[at - 1] as string);

interface Match {
  readonly opening: Opening;
  /** Its characters. */
  matched: number;
  /** Characters of the output. */
  length: number;
}

export class OpeningMatcher {
  readonly #openings: readonly Opening[];
  #matches: Match[] = [];
  #isOver = false;

  constructor(openings: readonly Opening[]) {
    this.#openings = openings;
  }

  /** How many characters at the end of what was read may begin a call. */
  get pending(): number {
    return this.#matches.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** The opening that ends with this character, and how many characters it took. */
  push(character: string): { readonly opening: Opening; readonly length: number } | undefined {
    const next: Match[] = [];
    for (const match of this.#matches) {
      const { text } = match.opening;
      if (++match.length > text.length + mostSpaces) continue;
      if (isSpace(character) && takesSpace(text, match.matched)) {
        next.push(match);
        continue;
      }
      while (isSpace(text[match.matched] as string)) match.matched++;
      if (text[match.matched] !== character) continue;
      if (++match.matched === text.length) return this.#found(match.opening, match.length);
      next.push(match);
    }
    for (const opening of this.#openings) {
      if (opening.text[0] !== character || (opening.atStart && this.#isOver)) continue;
      if (opening.text.length === 1) return this.#found(opening, 1);
      next.push({ opening, matched: 1, length: 1 });
    }
    if (!isSpace(character)) this.#isOver = true;
    this.#matches = next;
    return undefined;
  }

  #found(opening: Opening, length: number) {
    this.#matches = [];
    return { opening, length };
  }
}

/**
 * Where `text` goes on behind `literal`, with which it begins at `at`: -1 where it begins otherwise, undefined where
 * more of the text has to come. White space before it is passed, and behind it as much as it has itself.
 */
export function behindLiteral(text: string, at: number, literal: string, isEnd: boolean): number | undefined {
  const core = literal.trim();
  let i = at;
  for (let matched = 0; matched < core.length; matched++) {
    if (isSpace(core[matched] as string)) continue;
    if (matched === 0 || takesSpace(core, matched) || isSpace(core[matched - 1] as string))
      while (i < text.length && isSpace(text[i] as string)) i++;
    if (i === text.length) return isEnd ? -1 : undefined;
    if (text[i] !== core[matched]) return -1;
    i++;
  }
  const space = literal.slice(literal.trimEnd().length);
  if (text.startsWith(space, i)) return i + space.length;
  return !isEnd && space.startsWith(text.slice(i)) ? undefined : i;
}
