// What the build must deliver: an addon that shows nothing but Node's entry points, and a clear error where it does not
// load.
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadAddon } from "../../src/engine/addon/load_addon.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-addon-"));
  // It names another folder to look in, as when all tests run on a sanitizer's build.
  vi.stubEnv("CADUCEUS_PREBUILD", undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const addon = (): string =>
  (createRequire(import.meta.url)("node-gyp-build") as { resolve(folder: string): string }).resolve(root);
const hasNm = process.platform === "linux" || process.platform === "darwin";

test.runIf(hasNm)("the addon exports exactly Node's two entry points", () => {
  const options = process.platform === "darwin" ? ["-gU"] : ["-D", "--defined-only"];
  const symbols = execFileSync("nm", [...options, addon()], { encoding: "utf8" })
    .trim()
    .split("\n");
  const names = symbols.map((line) => (line.split(" ").at(-1) ?? "").replace(/^_/, ""));
  expect(names.sort()).toEqual(["napi_register_module_v1", "node_api_module_get_api_version_v1"]);
});

test.runIf(process.platform === "linux")(
  "the addon needs the C and C++ libraries and nothing else, and is never unloaded",
  () => {
    const dynamic = execFileSync("readelf", ["-d", addon()], { encoding: "utf8" });
    const needed = [...dynamic.matchAll(/NEEDED.*\[(.*?)\]/g)].map((match) => match[1] ?? "");
    expect(
      needed.filter(
        (name) =>
          !/^(libstdc\+\+|libm|libgcc_s|libc|libdl|libpthread|librt|ld-linux.*|ld-musl.*|libc\.musl.*)\.so/.test(name),
      ),
    ).toEqual([]);
    expect(dynamic).toContain("NODELETE");
  },
);

test("a package without an addon is ADDON_NOT_FOUND and says what to run", async () => {
  await writeFile(path.join(folder, "package.json"), '{"name":"caduceus"}');
  expect(() => loadAddon(folder)).toThrow(
    expect.objectContaining({ code: "ADDON_NOT_FOUND", message: expect.stringContaining("npm rebuild caduceus") }),
  );
});

test("prebuilt addons of other machines only are named", async () => {
  await mkdir(path.join(folder, "prebuilds", "plan9-mips"), { recursive: true });
  expect(() => loadAddon(folder)).toThrow(
    expect.objectContaining({ code: "ADDON_NOT_FOUND", message: expect.stringContaining("plan9-mips") }),
  );
});

test("a damaged addon is ADDON_NOT_FOUND and its path is named", async () => {
  const file = path.join(folder, "build", "Release", "caduceus.node");
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, "not a library");
  expect(() => loadAddon(folder)).toThrow(
    expect.objectContaining({ code: "ADDON_NOT_FOUND", message: expect.stringContaining(file) }),
  );
});

test("the addon of the checkout loads, and twice gives the same one", () => {
  expect(loadAddon()).toBe(loadAddon());
});
