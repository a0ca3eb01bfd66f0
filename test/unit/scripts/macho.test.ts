// What a macOS library needs, as the check of binaries reads it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";

const { problemsOf } = (await import(new URL("../../../scripts/package/check_binaries.mjs", import.meta.url).href)) as {
  problemsOf(file: string, system: string): Promise<string[]>;
};
const { isMachO, readMachO } = (await import(new URL("../../../scripts/package/macho.mjs", import.meta.url).href)) as {
  isMachO(bytes: Buffer): boolean;
  readMachO(bytes: Buffer): { arch: string | undefined; needed: string[]; unbound: string[] };
};

const external = 1;
const defined = 0xe;
const forDebuggers = 0x20;

function library(machine = 0x0100000c): Buffer {
  const symbols: [name: string, type: number, library: number][] = [
    ["_local", defined, 0],
    ["_napi_register_module_v1", defined | external, 0],
    ["_malloc", external, 1],
    ["_napi_create_object", external, 0xfe],
    ["_napi_create_array", external, 0],
    ["_line", forDebuggers | external, 0],
  ];
  const bytes = Buffer.alloc(2048);
  const names = 1024;
  const table = 512;
  bytes.writeUInt32LE(0xfeedfacf, 0);
  bytes.writeUInt32LE(machine, 4);
  bytes.writeUInt32LE(4, 16);
  let at = 32;
  const command = (kind: number, size: number) => {
    bytes.writeUInt32LE(kind, at);
    bytes.writeUInt32LE(size, at + 4);
    at += size;
    return at - size;
  };
  command(0x1b, 24); // of no interest
  for (const [kind, name] of [
    [0xc, "/usr/lib/libSystem.B.dylib"],
    [0x80000018, "@rpath/libcaduceus-ggml-0.1.0.dylib"],
  ] as const) {
    const load = command(kind, 72);
    bytes.writeUInt32LE(24, load + 8);
    bytes.write(name, load + 24, "latin1");
  }
  const symtab = command(2, 24);
  bytes.writeUInt32LE(table, symtab + 8);
  bytes.writeUInt32LE(symbols.length, symtab + 12);
  bytes.writeUInt32LE(names, symtab + 16);
  symbols.reduce((end, [name, type, from], n) => {
    bytes.writeUInt32LE(end, table + 16 * n);
    bytes.writeUInt8(type, table + 16 * n + 4);
    bytes.writeUInt8(from, table + 16 * n + 7);
    bytes.write(`${name}\0`, names + end, "latin1");
    return end + name.length + 1;
  }, 1);
  return bytes;
}

test("a library tells its processor, the libraries it needs, and what it looks for anywhere", () => {
  expect(isMachO(library())).toBe(true);
  expect(readMachO(library())).toEqual({
    arch: "arm64",
    needed: ["/usr/lib/libSystem.B.dylib", "@rpath/libcaduceus-ggml-0.1.0.dylib"],
    unbound: ["napi_create_object", "napi_create_array"],
  });
  expect(readMachO(library(0x01000007)).arch).toBe("x64");
});

test("a library for another processor than it is meant for is not fit to be shipped", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-macho-"));
  const file = path.join(folder, "caduceus.node");
  await writeFile(file, library());
  expect(await problemsOf(file, "darwin-arm64")).toEqual([]);
  expect(await problemsOf(file, "darwin-x64")).toEqual(["is for arm64"]);
  await rm(folder, { recursive: true });
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["a file for Linux", Buffer.from("\x7fELF".padEnd(64, "\0"), "latin1")],
])("%s is no library for macOS", (_, bytes) => {
  expect(isMachO(bytes)).toBe(false);
});
