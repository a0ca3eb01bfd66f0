// Reads what a macOS library needs, of any machine.

/** @param {Buffer} bytes */
export const isMachO = (bytes) => bytes.length >= 32 && bytes.readUInt32LE(0) === 0xfeedfacf;

const machines = new Map([
  [0x01000007, "x64"],
  [0x0100000c, "arm64"],
]);
const symbolTable = 2;
const libraries = new Set([0xc, 0x80000018, 0x8000001f]); // needed, needed if it is there, offered on
/** The number of a symbol's library where it is looked for in the whole process: Apple's linker's, and zig's. */
const anywhere = [0xfe, 0];

/**
 * @param {Buffer} bytes of a 64-bit file
 * @returns {{ arch: string | undefined, needed: string[], unbound: string[] }} `arch` as Node calls it; `unbound`:
 * symbols that are looked for in the whole process, and not in one of the libraries
 */
export function readMachO(bytes) {
  const text = (/** @type {number} */ at) => bytes.toString("latin1", at, bytes.indexOf(0, at));
  /** @type {string[]} */
  const needed = [];
  /** @type {string[]} */
  const unbound = [];
  for (let left = bytes.readUInt32LE(16), at = 32; left > 0; left--, at += bytes.readUInt32LE(at + 4)) {
    const command = bytes.readUInt32LE(at);
    if (libraries.has(command)) needed.push(text(at + bytes.readUInt32LE(at + 8)));
    if (command !== symbolTable) continue;
    const [symbols, count, names] = [8, 12, 16].map((field) => bytes.readUInt32LE(at + field));
    for (let symbol = symbols; symbol < symbols + 16 * count; symbol += 16) {
      const type = bytes.readUInt8(symbol + 4);
      // Defined here, or for debuggers.
      if ((type & 0xee) !== 0 || !anywhere.includes(bytes.readUInt8(symbol + 7))) continue;
      // C's names begin with an underscore there.
      unbound.push(text(names + bytes.readUInt32LE(symbol)).replace(/^_/, ""));
    }
  }
  return { arch: machines.get(bytes.readUInt32LE(4)), needed, unbound };
}
