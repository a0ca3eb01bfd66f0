// What makes the native build run again.
import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const { nativeSources } = (await import(new URL("../../../scripts/build/fingerprint.mjs", import.meta.url).href)) as {
  nativeSources(tests: boolean): Promise<string[]>;
};

test("a change to any source in native/ makes the build run again, however deep in folders it lies", async () => {
  const all = readdirSync("native", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(cpp|h|rs|toml|lock)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name).replaceAll("\\", "/"));
  expect(all.filter((file) => file.split("/").length > 3).length).toBeGreaterThan(20);
  expect((await nativeSources(true)).filter((file) => all.includes(file))).toEqual(all.sort());
  expect((await nativeSources(false)).some((file) => file.startsWith("native/test/"))).toBe(false);
});
