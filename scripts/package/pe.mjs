// Reads what a Windows library needs and offers, of any machine.

/** @param {Buffer} bytes */
export function isPe(bytes) {
  if (bytes.length < 64 || bytes.toString("latin1", 0, 2) !== "MZ") return false;
  const at = bytes.readUInt32LE(60);
  return bytes.length >= at + 4 && bytes.readUInt32LE(at) === 0x4550;
}

const machines = new Map([
  [0x8664, "x64"],
  [0xaa64, "arm64"],
]);
const exportDirectory = 0;
const importDirectory = 1;
const delayImportDirectory = 13;

/**
 * @param {Buffer} bytes of a 64-bit file
 * @returns {{ arch: string | undefined, needed: string[], exported: string[] }} `arch` as Node calls it; `needed`:
 * libraries, those that are loaded on their first use included
 */
export function readPe(bytes) {
  const coff = bytes.readUInt32LE(60) + 4;
  const optional = coff + 20;
  const sections = Array.from({ length: bytes.readUInt16LE(coff + 2) }, (_, n) => {
    const at = optional + bytes.readUInt16LE(coff + 16) + 40 * n;
    return { address: bytes.readUInt32LE(at + 12), size: bytes.readUInt32LE(at + 16), at: bytes.readUInt32LE(at + 20) };
  });
  /** Where in the file is what is loaded at an address. @param {number} address */
  const placeOf = (address) => {
    const section = sections.find((section) => address >= section.address && address < section.address + section.size);
    if (section === undefined) throw new RangeError(`Nothing of the file is loaded at ${address}.`);
    return section.at + address - section.address;
  };
  const text = (/** @type {number} */ address) => {
    const begin = placeOf(address);
    return bytes.toString("latin1", begin, bytes.indexOf(0, begin));
  };
  /** @param {number} index @returns {number | undefined} */
  const directory = (index) => {
    if (index >= bytes.readUInt32LE(optional + 108)) return undefined;
    const address = bytes.readUInt32LE(optional + 112 + 8 * index);
    return address === 0 ? undefined : placeOf(address);
  };
  /** The names in a table that ends with an empty entry. @param {number} index @param {number} size @param {number} name */
  const names = (index, size, name) => {
    /** @type {string[]} */
    const found = [];
    const begin = directory(index);
    for (let at = begin ?? 0; begin !== undefined && bytes.readUInt32LE(at + name) !== 0; at += size)
      found.push(text(bytes.readUInt32LE(at + name)));
    return found;
  };
  const exports = directory(exportDirectory);
  return {
    arch: machines.get(bytes.readUInt16LE(coff)),
    needed: [...names(importDirectory, 20, 12), ...names(delayImportDirectory, 32, 4)],
    exported:
      exports === undefined
        ? []
        : Array.from({ length: bytes.readUInt32LE(exports + 24) }, (_, n) =>
            text(bytes.readUInt32LE(placeOf(bytes.readUInt32LE(exports + 32)) + 4 * n)),
          ),
  };
}
