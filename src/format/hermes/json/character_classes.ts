// Classes of UTF-16 units, looked up once for each character read.

export const otherClass = 0;
/** The white space of JSON. */
export const spaceClass = 1;
/** What numbers, literals and bare keys are made of. */
export const wordClass = 2;
/** White space elsewhere, but not in JSON: no-break space, byte order mark and their like. */
export const oddSpaceClass = 3;

const table = new Uint8Array(128);
for (const c of " \t\n\r") table[c.charCodeAt(0)] = spaceClass;
for (const c of "\v\f") table[c.charCodeAt(0)] = oddSpaceClass;
for (let c = 0; c < 128; c++) if (/[A-Za-z0-9_$+\-.]/.test(String.fromCharCode(c))) table[c] = wordClass;

export function classOf(code: number): number {
  if (code < 128) return table[code] as number;
  return isOddSpace(code) ? oddSpaceClass : otherClass;
}

export function isSpace(code: number): boolean {
  if (code < 128) return (table[code] as number) % 2 === 1;
  return isOddSpace(code);
}

function isOddSpace(code: number): boolean {
  return (
    code === 0xa0 ||
    code === 0xfeff ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** Index of the first character from `from` on that is not white space; the length when there is none. */
export function skipSpace(text: string, from: number): number {
  let i = from;
  while (i < text.length && isSpace(text.charCodeAt(i))) i++;
  return i;
}

/** Index after the last character that is not white space; `from` when there is none. */
export function trimmedEnd(text: string, from = 0): number {
  let i = text.length;
  while (i > from && isSpace(text.charCodeAt(i - 1))) i--;
  return i;
}

export const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;
