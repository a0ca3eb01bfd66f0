// Files of downloads: the checksum and its note, pipes in the place of files, and the lock for one process at a time.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { withFileLock } from "../../../src/files/local/file_lock.js";
import { PartFile } from "../../../src/files/hub/part_file.js";
import { readRegularFile } from "../../../src/files/local/read_regular_file.js";
import { isExpectedFile } from "../../../src/files/local/verify_file.js";
import { readLocalHeader } from "../../../src/model/inspection/gguf_header.js";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(path.join(tmpdir(), "caduceus-files-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("isExpectedFile", () => {
  const content = Buffer.alloc(3_000_000, "caduceus");
  const expected = { size: content.length, sha256: createHash("sha256").update(content).digest("hex") };

  test("takes the whole file, again from its note, and nothing shorter, longer or altered", async () => {
    const file = path.join(folder, "model");
    expect(await isExpectedFile(file, expected)).toBe(false);
    await writeFile(file, content.subarray(0, -1));
    expect(await isExpectedFile(file, expected)).toBe(false);
    await writeFile(file, content);
    expect(await isExpectedFile(file, expected)).toBe(true);
    expect(await isExpectedFile(file, expected)).toBe(true);
    await appendFile(file, "x");
    expect(await isExpectedFile(file, expected)).toBe(false);
  });

  test("a byte changed after the note was written is noticed", async () => {
    const file = path.join(folder, "model");
    await writeFile(file, content);
    expect(await isExpectedFile(file, expected)).toBe(true);
    await sleep(5);
    const altered = Buffer.from(content);
    altered[1_500_000] = 0;
    await writeFile(file, altered);
    expect(await isExpectedFile(file, expected)).toBe(false);
  });

  test("leaves only its note beside the file", async () => {
    await writeFile(path.join(folder, "model"), content);
    await isExpectedFile(path.join(folder, "model"), expected);
    expect((await readdir(folder)).sort()).toEqual(["model", "model.verified"]);
  });
});

// Opening a pipe to read waits for somebody to write, on one of the few threads there are for files.
describe.skipIf(process.platform === "win32")("a pipe", () => {
  const pipe = (file: string) => expect(spawnSync("mkfifo", [file]).status).toBe(0);
  const content = Buffer.from("caduceus");
  const sha256 = createHash("sha256").update(content).digest("hex");

  test.each<[string, string, (file: string) => Promise<unknown>]>([
    ["the file itself", "", (file) => isExpectedFile(file, { size: 0, sha256 }).then((is) => expect(is).toBe(false))],
    [
      "its note",
      ".verified",
      (file) =>
        writeFile(file, content)
          .then(() => isExpectedFile(file, { size: content.length, sha256 }))
          .then((is) => expect(is).toBe(true)),
    ],
    [
      "its lock",
      ".lock",
      (file) =>
        withFileLock(
          `${file}.lock`,
          undefined,
          async () => true,
          async () => 1,
        ).then((result) => expect(result).toBe(undefined)),
    ],
    [
      "what is there of a download",
      ".part",
      async (file) => {
        const part = await PartFile.open(file, content.length, { algorithm: "sha256", hex: sha256 });
        await part.append(content);
        expect(await part.finish()).toBe(true);
      },
    ],
    [
      "whose download that is",
      ".part.json",
      async (file) => {
        const part = await PartFile.open(file, content.length, { algorithm: "sha256", hex: sha256 });
        await part.append(content);
        expect(await part.finish()).toBe(true);
      },
    ],
    ["a small file", "", (file) => readRegularFile(file).then((text) => expect(text).toBe(""))],
    ["a model's header", "", (file) => expect(readLocalHeader(file)).rejects.toThrow()],
  ])("in the place of %s is not waited for", async (_, suffix, use) => {
    const file = path.join(folder, "model.gguf");
    pipe(`${file}${suffix}`);
    await use(file);
  });
});

describe("withFileLock", () => {
  const never = async () => false;

  test("one at a time enters, everybody gets in, and the file is gone afterwards", async () => {
    const lock = path.join(folder, "lock");
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await sleep(20);
      inside--;
      return "worked";
    };
    const results = await Promise.all(Array.from({ length: 5 }, () => withFileLock(lock, undefined, never, work)));
    expect(results).toEqual(Array(5).fill("worked"));
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  test("a waiter whose work was done by the holder does not work", async () => {
    const lock = path.join(folder, "lock");
    await writeFile(lock, "1");
    expect(
      await withFileLock(
        lock,
        undefined,
        async () => true,
        async () => "worked",
      ),
    ).toBeUndefined();
  });

  test("the lock of a process that is gone is taken over at once", async () => {
    const lock = path.join(folder, "lock");
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    await writeFile(lock, `${pid} ${hostname()}\n`);
    expect(await withFileLock(lock, undefined, never, async () => "worked")).toBe("worked");
  });

  test("a lock that nobody touches any more is taken over", async () => {
    const lock = path.join(folder, "lock");
    await writeFile(lock, "1");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    expect(await withFileLock(lock, undefined, never, async () => "worked")).toBe("worked");
  });

  test("a waiter leaves with the signal's reason, and the holder keeps the lock", async () => {
    const lock = path.join(folder, "lock");
    await writeFile(lock, "1");
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await expect(withFileLock(lock, controller.signal, never, async () => "worked")).rejects.toBe(reason);
    expect((await stat(lock)).isFile()).toBe(true);
  });

  test("work that throws frees the lock", async () => {
    const lock = path.join(folder, "lock");
    await expect(withFileLock(lock, undefined, never, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await readdir(folder)).toEqual([]);
  });
});
