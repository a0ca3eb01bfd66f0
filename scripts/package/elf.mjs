// Reads symbols and libraries of an ELF file of any machine: nm and readelf know few machines but their own.

/**
 * @typedef {object} Symbol
 * @property {string} name
 * @property {boolean} isDefined
 * @property {boolean} isWeak
 * @property {string} [version] of a library that it is asked of, such as GLIBC_2.31
 */

const dynamicSymbols = 11;
const versionTable = 0x6fffffff;
const versionNames = 0x6ffffffe;
const dynamicSection = 6;
const neededTag = 1n;
const sonameTag = 14n;

/** @param {Buffer} bytes */
export function isElf(bytes) {
  return bytes.length >= 64 && bytes.toString("latin1", 0, 4) === "\x7fELF" && bytes[4] === 2 && bytes[5] === 1;
}

/**
 * What the loader sees.
 * @param {Buffer} bytes of a 64-bit little-endian file
 * @returns {{ symbols: Symbol[], needed: string[], soname?: string }}
 */
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
  const names = namesOfVersions(
    bytes,
    sections.find(({ type }) => type === versionNames),
    text,
  );
  for (let n = 1; table !== undefined && n < table.size / 24; n++) {
    const at = table.offset + 24 * n;
    const version =
      versions === undefined ? undefined : names.get(bytes.readUInt16LE(versions.offset + 2 * n) & 0x7fff);
    const name = text(table.link, bytes.readUInt32LE(at));
    symbols.push({
      name,
      isDefined: bytes.readUInt16LE(at + 6) !== 0,
      isWeak: /** @type {number} */ (bytes[at + 4]) >> 4 === 2,
      ...(version === undefined ? {} : { version }),
    });
  }
  /** @type {string[]} */
  const needed = [];
  let soname;
  const dynamic = sections.find(({ type }) => type === dynamicSection);
  for (let at = dynamic?.offset ?? 0; dynamic !== undefined && at < dynamic.offset + dynamic.size; at += 16) {
    const tag = bytes.readBigInt64LE(at);
    if (tag !== neededTag && tag !== sonameTag) continue;
    const name = text(dynamic.link, Number(bytes.readBigUInt64LE(at + 8)));
    if (tag === neededTag) needed.push(name);
    else soname = name;
  }
  return { symbols, needed, ...(soname === undefined ? {} : { soname }) };
}

/**
 * By the number that a symbol has.
 * @param {Buffer} bytes
 * @param {Section | undefined} section
 * @param {(table: number, at: number) => string} text
 */
function namesOfVersions(bytes, section, text) {
  /** @type {Map<number, string>} */
  const names = new Map();
  for (let library = section?.offset ?? 0, more = section !== undefined; more; ) {
    for (
      let at = library + bytes.readUInt32LE(library + 8), left = bytes.readUInt16LE(library + 2);
      left > 0;
      left--, at += bytes.readUInt32LE(at + 12)
    ) {
      names.set(
        bytes.readUInt16LE(at + 6) & 0x7fff,
        text(/** @type {Section} */ (section).link, bytes.readUInt32LE(at + 8)),
      );
    }
    const next = bytes.readUInt32LE(library + 12);
    more = next !== 0;
    library += next;
  }
  return names;
}

/** @typedef {{ type: number, offset: number, size: number, link: number }} Section */

/** @param {Buffer} bytes @returns {Section[]} */
function sectionsOf(bytes) {
  const [start, entry, count] = [Number(bytes.readBigUInt64LE(40)), bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  return Array.from({ length: count }, (_, n) => {
    const at = start + n * entry;
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
    };
  });
}
