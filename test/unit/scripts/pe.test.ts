// What a Windows library needs and offers, as the check of binaries reads it.
import { expect, test } from "vitest";

const { isPe, readPe } = (await import(new URL("../../../scripts/package/pe.mjs", import.meta.url).href)) as {
  isPe(bytes: Buffer): boolean;
  readPe(bytes: Buffer): { arch: string | undefined; needed: string[]; exported: string[] };
};

/** One section, loaded at another address than it has in the file. */
function library({
  machine = 0x8664,
  needed = ["KERNEL32.dll", "caduceus-ggml-base-1.dll"],
  delayed = ["USER32.dll"],
  exported = ["napi_register_module_v1", "other"],
} = {}): Buffer {
  const [address, at] = [0x1000, 0x400];
  const bytes = Buffer.alloc(0x1000);
  bytes.write("MZ", 0, "latin1");
  bytes.writeUInt32LE(0x80, 60);
  bytes.write("PE\0\0", 0x80, "latin1");
  const coff = 0x84;
  bytes.writeUInt16LE(machine, coff);
  bytes.writeUInt16LE(1, coff + 2);
  bytes.writeUInt16LE(240, coff + 16);
  const optional = coff + 20;
  bytes.writeUInt32LE(16, optional + 108);
  const section = optional + 240;
  bytes.writeUInt32LE(address, section + 12);
  bytes.writeUInt32LE(bytes.length - at, section + 16);
  bytes.writeUInt32LE(at, section + 20);
  let end = 0;
  const place = (size: number) => {
    const begin = end;
    end += size;
    return begin;
  };
  const text = (name: string) => {
    const begin = place(name.length + 1);
    bytes.write(`${name}\0`, at + begin, "latin1");
    return address + begin;
  };
  const table = (index: number, names: readonly string[], size: number, field: number) => {
    const begin = place((names.length + 1) * size);
    names.forEach((name, n) => bytes.writeUInt32LE(text(name), at + begin + n * size + field));
    bytes.writeUInt32LE(address + begin, optional + 112 + 8 * index);
  };
  table(1, needed, 20, 12);
  table(13, delayed, 32, 4);
  const begin = place(40);
  const names = place(4 * exported.length);
  exported.forEach((name, n) => bytes.writeUInt32LE(text(name), at + names + 4 * n));
  bytes.writeUInt32LE(exported.length, at + begin + 24);
  bytes.writeUInt32LE(address + names, at + begin + 32);
  bytes.writeUInt32LE(address + begin, optional + 112);
  return bytes;
}

test("a library tells its processor, what it needs at once or on first use, and what it offers", () => {
  expect(isPe(library())).toBe(true);
  expect(readPe(library())).toEqual({
    arch: "x64",
    needed: ["KERNEL32.dll", "caduceus-ggml-base-1.dll", "USER32.dll"],
    exported: ["napi_register_module_v1", "other"],
  });
  expect(readPe(library({ machine: 0xaa64 })).arch).toBe("arm64");
});

test("a library that needs and offers nothing has empty lists", () => {
  expect(readPe(library({ needed: [], delayed: [], exported: [] }))).toMatchObject({ needed: [], exported: [] });
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["a file for Linux", Buffer.from("\x7fELF".padEnd(64, "\0"), "latin1")],
  ["a library that was cut off in its header", library().subarray(0, 0x82)],
])("%s is no library for Windows", (_, bytes) => {
  expect(isPe(bytes)).toBe(false);
});
