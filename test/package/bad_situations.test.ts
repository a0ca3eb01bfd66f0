// Fear: a machine or a package that is not as it should be, and an error that nobody understands, or none but a crash.
import { execFileSync, spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machines, renameNeeded, setMachine } from "./elf.js";
import { addonOf, bun, deno, installedCopy, model, remove, runIn, runUnshared } from "./world.js";

const isLinux = process.platform === "linux";
const canUnshare = isLinux && spawnSync("unshare", ["--map-root-user", "--mount", "true"]).status === 0;
const threeTokens = { code: 0, signal: null, stdout: "3\n", stderr: "" };

let folder: string;
beforeEach(async () => void (folder = await installedCopy()));
afterEach(() => remove(folder));

/** The code and the message with which loading fails. A crash has no message and does not pass for one. */
async function failure(command: string = process.execPath, ...args: string[]): Promise<[string, string]> {
  const outcome = await runIn(folder, command, [...args, "code_of_failure.mjs", model]);
  expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
  return JSON.parse(outcome.stdout) as [string, string];
}

test.runIf(isLinux)(
  "an addon of another architecture is ADDON_NOT_FOUND and both architectures are named",
  async () => {
    const other = process.arch === "x64" ? "arm64" : "x64";
    await setMachine(addonOf(folder), machines[other]);
    expect(await failure()).toEqual([
      "ADDON_NOT_FOUND",
      expect.stringMatching(
        new RegExp(`was built for ${other} and this is ${process.arch}\\. Install caduceus on this machine`),
      ),
    ]);
  },
);

test("a package that was packed for other machines only is ADDON_NOT_FOUND and they are named", async () => {
  const prebuilds = path.join(folder, "node_modules/caduceus/prebuilds");
  for (const name of await readdir(prebuilds)) await rm(path.join(prebuilds, name), { recursive: true });
  await mkdir(path.join(prebuilds, "plan9-mips"));
  expect(await failure()).toEqual([
    "ADDON_NOT_FOUND",
    expect.stringMatching(/there are prebuilt ones for plan9-mips only\. Run `npm rebuild caduceus/),
  ]);
});

describe.runIf(isLinux)("a truncated binary is ADDON_NOT_FOUND, and what is left of it is said", () => {
  test.each([0, 10, 63, 64, 100, 4096, 0.1, 0.5, 0.9, 0.99, -1])("%d of it", async (length) => {
    const file = addonOf(folder);
    const { length: size } = await readFile(file);
    const left = length < 0 ? size + length : length < 1 ? Math.floor(size * length) : length;
    await truncate(file, left);
    expect(await failure()).toEqual([
      "ADDON_NOT_FOUND",
      expect.stringMatching(new RegExp(`it is damaged: .*\\b${left} .*bytes.* install it again`)),
    ]);
  });

  test("a library beside it", async () => {
    const beside = (await readdir(path.dirname(addonOf(folder)))).filter((name) => name.endsWith(".so"));
    // A build that is one file has none, and then the copy of the addon is taken for one.
    const name = beside[0] ?? "libbeside.so";
    if (beside.length === 0) await cp(addonOf(folder), path.join(path.dirname(addonOf(folder)), name));
    await truncate(path.join(path.dirname(addonOf(folder)), name), 20_000);
    expect(await failure()).toEqual([
      "ADDON_NOT_FOUND",
      expect.stringContaining(`${name} is damaged: it has 20000 of `),
    ]);
  });
});

describe.runIf(isLinux)("a missing library is named, with what installs it", () => {
  const needed = (file: string) =>
    [...execFileSync("readelf", ["-d", file], { encoding: "utf8" }).matchAll(/NEEDED.*\[(.*?)\]/g)].map(
      (match) => match[1]!,
    );

  test("any library", async () => {
    const file = addonOf(folder);
    const name = needed(file).find((library) => /^lib(stdc\+\+|m|dl|pthread)\.so/.test(library))!;
    const other = name.replace("lib", "bil");
    await renameNeeded(file, name, other);
    expect(await failure()).toEqual([
      "ADDON_NOT_FOUND",
      expect.stringContaining(
        `it needs the library ${other}, which this system does not have. Install it with the system's package manager`,
      ),
    ]);
  });

  // Node itself needs it, so that it can only be missing under a runtime that does not.
  test.runIf(canUnshare).each([
    ["Bun", () => [bun()]],
    ["Deno", () => [deno(), "run", "--allow-all"]],
  ] as const)("libstdc++ under %s", async (_, runtime) => {
    const library = execFileSync("sh", ["-c", "ldconfig -p | sed -n 's/.*libstdc++.so.6 .*=> //p' | head -1"], {
      encoding: "utf8",
    }).trim();
    const hide = `mount --bind "${folder}/none" "${path.dirname(library)}/$(basename "$(readlink -f "${library}")")"`;
    await writeFile(path.join(folder, "none"), "");
    const outcome = await runUnshared(folder, hide, runtime()[0]!, [
      ...runtime().slice(1),
      "code_of_failure.mjs",
      model,
    ]);
    // A build that has its own copy of it inside needs none.
    const isNeeded = needed(addonOf(folder)).some((name) => name.startsWith("libstdc++"));
    expect(outcome).toMatchObject({ code: 0, signal: null });
    if (isNeeded) expect(JSON.parse(outcome.stdout)).toEqual(["ADDON_NOT_FOUND", expect.stringMatching(/libstdc\+\+/)]);
    else expect(JSON.parse(outcome.stdout)).toBe("it loaded");
  });

  test("a prebuilt of the other C library", async () => {
    const file = addonOf(folder);
    const [ours, theirs] = needed(file).some((name) => /musl|^libc\.so$/.test(name))
      ? ["musl", "glibc"]
      : ["glibc", "musl"];
    const name = needed(file).find((library) => library.length >= 14)!;
    const loader = theirs === "musl" ? "ld-musl" : "ld-linux";
    await renameNeeded(file, name, `${loader}${"-".repeat(name.length - loader.length - 5)}.so.1`);
    expect(await failure()).toEqual([
      "ADDON_NOT_FOUND",
      expect.stringMatching(new RegExp(`built for ${theirs} .*Set the variable LIBC to ${ours}\\.`)),
    ]);
  });
});

describe.runIf(canUnshare)("a file system that forbids something", () => {
  test("noexec is ADDON_NOT_FOUND and says where to put it instead", async () => {
    const modules = path.join(folder, "node_modules");
    await rename(modules, path.join(folder, "elsewhere"));
    await mkdir(modules);
    const mount = `mount -t tmpfs -o noexec tmpfs "${modules}"; cp -R "${folder}/elsewhere/." "${modules}"`;
    const { code, signal, stdout } = await runUnshared(folder, mount, process.execPath, ["code_of_failure.mjs", model]);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(JSON.parse(stdout)).toEqual([
      "ADDON_NOT_FOUND",
      expect.stringMatching(
        /the system forbids running code from .*noexec, or copy its folder prebuilds to one and name the folder that holds it in CADUCEUS_PREBUILD/,
      ),
    ]);
  });

  test("noexec, and the folder of CADUCEUS_PREBUILD helps as the error says", async () => {
    const modules = path.join(folder, "node_modules");
    await rename(modules, path.join(folder, "elsewhere"));
    await mkdir(modules);
    const mount = `mount -t tmpfs -o noexec tmpfs "${modules}"; cp -R "${folder}/elsewhere/." "${modules}"; export CADUCEUS_PREBUILD="${folder}/elsewhere/caduceus"`;
    expect(await runUnshared(folder, mount, process.execPath, ["three_tokens.mjs", model])).toMatchObject(threeTokens);
  });

  test("read-only node_modules do not matter", async () => {
    const mount = `mount --bind "${folder}" "${folder}"; mount -o remount,bind,ro "${folder}"; cd "${folder}"; if touch node_modules/x 2>/dev/null; then exit 9; fi`;
    expect(await runUnshared(folder, mount, process.execPath, ["three_tokens.mjs", model])).toMatchObject(threeTokens);
  });

  test("a system without /proc generates", async () => {
    await mkdir(path.join(folder, "empty"));
    const mount = `mount --bind "${folder}/empty" /proc; if test -e /proc/self; then exit 9; fi`;
    expect(await runUnshared(folder, mount, process.execPath, ["three_tokens.mjs", model])).toMatchObject(threeTokens);
  });
});

test("bad situations that need a mount namespace are tried on Linux", () => {
  expect(canUnshare || !isLinux, "unshare --map-root-user --mount is not permitted here").toBe(true);
});

describe("two copies in one process", () => {
  test.each([
    ["caduceus", "caduceus-older"],
    ["caduceus-older", "caduceus"],
  ])("%s before %s: both generate, and alike", async (...names) => {
    const older = path.join(folder, "node_modules/caduceus-older");
    await cp(path.join(folder, "node_modules/caduceus"), older, { recursive: true });
    const about = JSON.parse(await readFile(path.join(older, "package.json"), "utf8")) as {
      name: string;
      version: string;
    };
    await writeFile(path.join(older, "package.json"), JSON.stringify({ ...about, version: "0.0.1" }));
    const outcome = await runIn(folder, process.execPath, ["two_copies.mjs", model, ...names]);
    expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
    const [first, second] = JSON.parse(outcome.stdout) as [string, string];
    expect(first.length).toBeGreaterThan(5);
    expect(second).toBe(first);
  });
});
