// The archives that the published package is built from: what goes in comes out, and nothing else ever lands on the
// disk.
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { brotliCompressSync } from "node:zlib";
import fc from "fast-check";
import { Header } from "tar";
import { expect, onTestFinished, test } from "vitest";

const { writeArchive, unpackArchive } = (await import(
  new URL("../../../scripts/setup/archive.mjs", import.meta.url).href
)) as {
  writeArchive(file: string, folder: string, names: string[]): Promise<string>;
  unpackArchive(file: string, sha256: string, folder: string): Promise<void>;
};

test("files come out as they went in, whatever their names and contents", async () => {
  const part = fc.stringMatching(/^[A-Za-z0-9_.-]{1,60}$/).filter((name) => !/^\.+$/.test(name));
  const names = fc.uniqueArray(
    fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `x/${parts.join("/y/")}.txt`),
    { minLength: 1, maxLength: 8, selector: (name) => name.toLowerCase() },
  );
  await fc.assert(
    fc.asyncProperty(names, fc.uint8Array({ maxLength: 2000 }), async (names, content) => {
      const folder = emptyFolder();
      const written = names.filter(
        (name) => !names.some((other) => other.toLowerCase().startsWith(`${name.toLowerCase()}/`)),
      );
      for (const name of written) put(folder, `in/${name}`, Buffer.from([...content, ...Buffer.from(name)]));
      const sum = await writeArchive(path.join(folder, "a.tar.br"), path.join(folder, "in"), written);
      await unpackArchive(path.join(folder, "a.tar.br"), sum, path.join(folder, "out"));
      expect(contents(path.join(folder, "out"))).toEqual(contents(path.join(folder, "in")));
      rmSync(folder, { recursive: true });
    }),
    { numRuns: 10 },
  );
});

test("the same files give the same bytes, whatever their order, times and permissions", async () => {
  const folder = emptyFolder();
  put(folder, "in/b.txt", "b");
  put(folder, "in/a/c.txt", "c");
  const first = await writeArchive(path.join(folder, "first"), path.join(folder, "in"), ["b.txt", "a/c.txt"]);
  utimesSync(path.join(folder, "in/b.txt"), 1e9, 1e9);
  chmodSync(path.join(folder, "in/b.txt"), 0o600);
  expect(await writeArchive(path.join(folder, "second"), path.join(folder, "in"), ["a/c.txt", "b.txt"])).toBe(first);
});

test("unpacking replaces the folder: nothing of an older archive stays", async () => {
  const { folder, archive, sum } = await smallArchive();
  put(folder, "out/old.txt", "old");
  await unpackArchive(archive, sum, path.join(folder, "out"));
  expect(contents(path.join(folder, "out"))).toEqual({ "a.txt": "a" });
});

test.each(["cut short", "with one bit changed", "empty", "missing"])(
  "an archive that is %s is refused in one sentence, and what was there stays",
  async (damage) => {
    const { folder, archive, sum } = await smallArchive();
    put(folder, "out/old.txt", "old");
    const bytes = readFileSync(archive);
    if (damage === "missing") rmSync(archive);
    else if (damage === "with one bit changed")
      writeFileSync(
        archive,
        bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)),
      );
    else writeFileSync(archive, bytes.subarray(0, damage === "empty" ? 0 : -3));
    await expect(unpackArchive(archive, sum, path.join(folder, "out"))).rejects.toThrow(
      /a\.tar\.br is (missing|damaged \([^)]+\)): install the package again\.$/,
    );
    expect(contents(path.join(folder, "out"))).toEqual({ "old.txt": "old" });
    expect(readdirSync(folder).filter((name) => name.startsWith("out."))).toEqual([]);
  },
);

test.each([
  ["a path that climbs", { path: "../evil.txt", type: "File" }],
  ["a path that climbs from within", { path: "a/../../evil.txt", type: "File" }],
  ["an absolute path", { path: "/tmp/caduceus-evil.txt", type: "File" }],
  ["a Windows drive", { path: "C:\\evil.txt", type: "File" }],
  ["a symbolic link", { path: "evil.txt", type: "SymbolicLink", linkpath: "/etc" }],
  ["a hard link", { path: "evil.txt", type: "Link", linkpath: "../in/a.txt" }],
  ["a device", { path: "evil.txt", type: "CharacterDevice" }],
] as const)("%s in an archive is refused, its sum right or not", async (_, entry) => {
  const folder = emptyFolder();
  const block = Buffer.alloc(512);
  new Header({ mode: 0o644, size: 0, mtime: new Date(0), ...entry }).encode(block);
  const packed = brotliCompressSync(Buffer.concat([block, Buffer.alloc(1024)]));
  writeFileSync(path.join(folder, "a.tar.br"), packed);
  const sum = createHash("sha256").update(packed).digest("hex");
  await expect(unpackArchive(path.join(folder, "a.tar.br"), sum, path.join(folder, "in", "out"))).rejects.toThrow(
    /is damaged .*no plain file inside its folder/,
  );
  expect(contents(folder)).toEqual({ "a.tar.br": expect.anything() });
  expect(existsSync("/tmp/caduceus-evil.txt")).toBe(false);
});

function emptyFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "caduceus archive "));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function smallArchive() {
  const folder = emptyFolder();
  put(folder, "in/a.txt", "a");
  const archive = path.join(folder, "a.tar.br");
  return { folder, archive, sum: await writeArchive(archive, path.join(folder, "in"), ["a.txt"]) };
}

function put(folder: string, name: string, content: string | Buffer) {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), content);
}

function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  return Object.fromEntries(
    files
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(folder, file), readFileSync(file, "latin1")]),
  );
}
