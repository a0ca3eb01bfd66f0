// How much a body of JSON holds, seen before it is parsed: parsing takes time by its objects, arrays and names, not by
// its bytes.

const quote = 0x22;
const backslash = 0x5c;
const counted: ReadonlySet<number> = new Set([..."{[:"].map((character) => character.charCodeAt(0)));

/**
 * Whether there are more than `most` objects, arrays and names of properties. What is no JSON is counted all the same.
 */
export function hasMoreParts(bytes: Buffer, most: number): boolean {
  let parts = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === quote) at = endOfString(bytes, at);
    else if (counted.has(byte) && ++parts > most) return true;
  }
  return false;
}

/** Where the quote is that ends the string which begins at `start`; the length of all where none does. */
function endOfString(bytes: Buffer, start: number): number {
  for (let at = bytes.indexOf(quote, start + 1); at !== -1; at = bytes.indexOf(quote, at + 1)) {
    let escapes = 0;
    while (bytes[at - 1 - escapes] === backslash) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return bytes.length;
}
