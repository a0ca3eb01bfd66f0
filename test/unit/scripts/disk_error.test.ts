// What the scripts say where a disk refuses or a flag is wrong: one sentence instead of a stack.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const { diskError, runLogged } = (await import(
  new URL("../../../scripts/setup/run_logged.mjs", import.meta.url).href
)) as {
  diskError(error: unknown): Error | undefined;
  runLogged(log: string, program: string, args: string[]): Promise<string>;
};

const refused = (code: string, file?: string) =>
  Object.assign(new Error(`${code}: what Node says`), {
    code,
    syscall: "open",
    ...(file === undefined ? {} : { path: file }),
  });
const own = path.resolve(import.meta.dirname, "../../..");

test.each([
  ["EROFS", "read-only file system"],
  ["EACCES", "this user may not write to"],
  ["EPERM", "this user may not write to"],
  ["ENOSPC", "The disk is full"],
  ["EDQUOT", "The disk is full"],
])("%s becomes a sentence with a remedy", (code, words) => {
  expect(diskError(refused(code, path.join(own, ".cache", "x.lock")))?.message).toMatch(
    new RegExp(`${words}.*: (install it in|make room).*\\.$`),
  );
});

test("the folder that is named is the package's, for a file anywhere in it", () => {
  expect(diskError(refused("EACCES", path.join(own, ".cache", "deep", "x")))?.message).toContain(`in ${own}, which`);
  expect(diskError(refused("EACCES"))?.message).toContain(`in ${own}, which`);
});

test.each([
  refused("ENOENT", "/x"),
  refused("EADDRINUSE"),
  Object.assign(new Error("no system call"), { code: "EACCES" }),
  new Error("any"),
  undefined,
])("%s keeps its own words", (error) => {
  expect(diskError(error)).toBeUndefined();
});

test("a compiler that meets a full disk is understood", async () => {
  const compiler =
    "console.error('x.cpp: fatal error: error writing to x.s: No space left on device'); process.exit(1)";
  await expect(runLogged("disk-error-test", process.execPath, ["-e", compiler])).rejects.toThrow(/^The disk is full/);
  rmSync(path.join(own, ".cache", "logs", "disk-error-test.log"));
});

test("a script that is given a flag it does not know says so in one sentence", async () => {
  const script = path.join(own, "scripts/package/pack.mjs");
  const { status, stderr } = spawnSync(process.execPath, [script, "--nonsense"], { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^Unknown option '--nonsense'[^\n]*\n$/)]);
});
