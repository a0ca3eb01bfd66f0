// Where the addon is looked for: the folder that CADUCEUS_PREBUILD names.
import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { describeAddon } from "../../../src/engine/addon/load_addon.js";

afterEach(() => void vi.unstubAllEnvs());

test("CADUCEUS_PREBUILD may name its folder relative to the working folder", () => {
  vi.stubEnv("CADUCEUS_PREBUILD", undefined);
  const { file } = describeAddon();
  expect(path.isAbsolute(file)).toBe(true);
  vi.stubEnv("CADUCEUS_PREBUILD", path.relative(process.cwd(), process.cwd()) || ".");
  expect(describeAddon().file).toBe(file);
});
