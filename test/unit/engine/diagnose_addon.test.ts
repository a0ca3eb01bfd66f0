// Fear: an addon that does not load and an error that helps nobody; and a damaged one that kills the process when it is
// loaded.
import { copyFile, mkdtemp, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  explainAbsence,
  explainBadFile,
  explainFailure,
  type Diagnosis,
} from "../../../src/engine/addon/diagnose_addon.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const addon = (): string =>
  (createRequire(import.meta.url)("node-gyp-build") as { resolve(folder: string): string }).resolve(root);

const sentences = (diagnosis: Diagnosis | undefined) => `${diagnosis?.problem} ${diagnosis?.remedy}`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-diagnose-"));
  file = path.join(folder, "caduceus.node");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.runIf(process.platform === "linux")("before loading", () => {
  test("nothing speaks against the addon of the checkout", () => {
    expect(explainBadFile(addon())).toBeUndefined();
  });

  test.each([0, 3, 63, 64, 1000, -1, -1000])("a copy that ends at %i is damaged", async (end) => {
    await copyFile(addon(), file);
    const { length } = await readFile(file);
    await truncate(file, end < 0 ? length + end : end);
    expect(sentences(explainBadFile(file))).toMatch(/^it is damaged: .* install it again/);
  });

  test("a library beside it that was cut off is named", async () => {
    await copyFile(addon(), file);
    await copyFile(addon(), path.join(folder, "libggml.so"));
    expect(explainBadFile(file)).toBeUndefined();
    await truncate(path.join(folder, "libggml.so"), 5000);
    expect(sentences(explainBadFile(file))).toMatch(/^libggml\.so is damaged: it has 5000 of \d+ bytes\./);
  });

  test("another architecture is named", async () => {
    const bytes = await readFile(addon());
    bytes.writeUInt16LE(22, 18);
    await writeFile(file, bytes);
    expect(sentences(explainBadFile(file))).toMatch(
      new RegExp(`^it was built for s390x and this is ${process.arch}\\.`),
    );
  });

  test("a file that is not there is left to the loader", () => {
    expect(explainBadFile(file)).toBeUndefined();
  });
});

// As the loaders of glibc, musl, macOS and Windows put it.
test.each([
  [
    "/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /a/caduceus.node)",
    /built on a system with newer libraries/,
  ],
  [
    "libstdc++.so.6: cannot open shared object file: No such file or directory",
    /needs the library libstdc\+\+\.so\.6, .*`apt-get install libstdc\+\+6`/,
  ],
  [
    "Error loading shared library libstdc++.so.6: No such file or directory (needed by /a/caduceus.node)",
    /needs the library libstdc\+\+\.so\.6, .*`apk add libstdc\+\+`/,
  ],
  [
    "libvulkan.so.1: cannot open shared object file: No such file or directory",
    /needs the library libvulkan\.so\.1, .*package manager\.$/,
  ],
  [
    "libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory",
    /built for musl .* Set the variable LIBC to glibc\./,
  ],
  [
    "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /a/caduceus.node)",
    /built for glibc .* Set the variable LIBC to musl\./,
  ],
  [
    "/a/caduceus.node: failed to map segment from shared object",
    /forbids running code from \/a .*noexec.*CADUCEUS_PREBUILD/,
  ],
  ["Error loading shared library /a/caduceus.node: Operation not permitted", /forbids running code from \/a .*noexec/],
  [
    "dlopen(/a/caduceus.node, 0x0001): tried: '/a/caduceus.node' (mach-o file, but is an incompatible architecture (have 'arm64', need 'x86_64'))",
    /another kind of machine.*npm rebuild/,
  ],
  ["\\\\?\\C:\\a\\caduceus.node is not a valid Win32 application.", /another kind of machine.*npm rebuild/],
  ["The specified module could not be found.", /belongs beside it.*install it again/],
  ["something that nobody has seen yet", /^something that nobody has seen yet\. Run `npm rebuild/],
])("what the system says of a library gets an explanation or a remedy: %s", (message, explained) => {
  expect(sentences(explainFailure("/a/caduceus.node", new Error(`${message}\nand a second line`)))).toMatch(explained);
});

describe("where there is none", () => {
  test("code that was bundled away from its package is told so", () => {
    expect(sentences(explainAbsence(folder))).toMatch(/was bundled .* Mark caduceus as external in your bundler/);
  });

  test("a package without its addon is built", async () => {
    await writeFile(path.join(folder, "package.json"), '{"name":"caduceus"}');
    expect(sentences(explainAbsence(folder))).toMatch(/it was not built\. Run `npm rebuild/);
  });

  test("what there is for other machines and C libraries is named", async () => {
    await mkdir(path.join(folder, "prebuilds", "plan9-mips"), { recursive: true });
    await mkdir(path.join(folder, "prebuilds", "linux-x64"));
    await writeFile(path.join(folder, "prebuilds", "linux-x64", "caduceus.musl.node"), "");
    expect(sentences(explainAbsence(folder))).toMatch(
      /there are prebuilt ones for linux-x64 \(musl\), plan9-mips only\./,
    );
  });
});
