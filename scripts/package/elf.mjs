// What an ELF file says of its symbols and libraries, whatever machine it is for: nm and readelf know few machines but their own.

/**
 * @typedef {object} Symbol
 * @property {string} name
 * @property {boolean} isDefined
 * @property {boolean} isWeak
 * @property {boolean} hasVersion of a system library, such as GLIBC_2.31
 */

const dynamicSymbols = 11;
const versionTable = 0x6fffffff;
const dynamicSection = 6;
const neededTag = 1n;

/** @param {Buffer} bytes */
export function isElf(bytes) {
  return bytes.length >= 64 && bytes.toString("latin1", 0, 4) === "\x7fELF" && bytes[4] === 2 && bytes[5] === 1;
}

/** What the loader sees. @param {Buffer} bytes of a 64-bit little-endian file @returns {{ symbols: Symbol[], needed: string[] }} */
export function readElf(bytes) {
  const sections = sectionsOf(bytes);
  const text = (/** @type {number} */ table, /** @type {number} */ at) => {
    const begin = sections[table].offset + at;
    return bytes.toString("latin1", begin, bytes.indexOf(0, begin));
  };
  /** @type {Symbol[]} */
  const symbols = [];
  const table = sections.find(({ type }) => type === dynamicSymbols);
  const versions = sections.find(({ type }) => type === versionTable);
  for (let n = 1; table !== undefined && n < table.size / 24; n++) {
    const at = table.offset + 24 * n;
    // 0 and 1 stand for no version of its own.
    const version = versions === undefined ? 0 : bytes.readUInt16LE(versions.offset + 2 * n) & 0x7fff;
    const name = text(table.link, bytes.readUInt32LE(at));
    symbols.push({ name, isDefined: bytes.readUInt16LE(at + 6) !== 0, isWeak: /** @type {number} */ (bytes[at + 4]) >> 4 === 2, hasVersion: version > 1 });
  }
  /** @type {string[]} */
  const needed = [];
  const dynamic = sections.find(({ type }) => type === dynamicSection);
  for (let at = dynamic?.offset ?? 0; dynamic !== undefined && at < dynamic.offset + dynamic.size; at += 16) {
    if (bytes.readBigInt64LE(at) === neededTag) needed.push(text(dynamic.link, Number(bytes.readBigUInt64LE(at + 8))));
  }
  return { symbols, needed };
}

/** @param {Buffer} bytes */
function sectionsOf(bytes) {
  const [start, entry, count] = [Number(bytes.readBigUInt64LE(40)), bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  return Array.from({ length: count }, (_, n) => {
    const at = start + n * entry;
    return { type: bytes.readUInt32LE(at + 4), offset: Number(bytes.readBigUInt64LE(at + 24)), size: Number(bytes.readBigUInt64LE(at + 32)), link: bytes.readUInt32LE(at + 40) };
  });
}
