// Fear: an error of the operating system comes out of the public API as Node throws it, without a code of ours.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { CaduceusError, doctor, inspectModel, listModels, load, pullModel, removeModel } from "../../../src/index.js";
import { systemError, withSystemErrors } from "../../../src/errors.js";
import { createHandler, listen } from "../../../src/server/index.js";

const folder = mkdtempSync(path.join(tmpdir(), "caduceus-system-errors-"));
const file = path.join(folder, "a-file");
writeFileSync(file, "no folder");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a promise rejects with; undefined where it resolves. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.each([
  ["a file in the place of the folder", file],
  ["a folder below a file", path.join(file, "below")],
  ["a name too long for the file system", path.join(folder, "x".repeat(300))],
])("with %s in CADUCEUS_CACHE", (_, cache) => {
  beforeEach(() => {
    vi.stubEnv("CADUCEUS_CACHE", cache);
    vi.stubEnv("HF_HUB_CACHE", cache);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
  });
  afterEach(() => void vi.unstubAllEnvs());

  test.each<[string, () => Promise<unknown>]>([
    ["listModels", () => listModels()],
    ["removeModel", () => removeModel("hermes-2-pro")],
    ["pullModel of the default model", () => pullModel("smollm2")],
    ["pullModel of a hub model", () => pullModel("hf:owner/repository:Q4_K_M")],
    ["inspectModel", () => inspectModel("hermes-2-pro")],
    ["inspectModel of a path", () => inspectModel(cache)],
    ["doctor", () => doctor()],
    ["load", () => load("smollm2")],
    ["load of a path", () => load(cache)],
  ])("%s throws nothing but errors of this library", async (_, call) => {
    const error = await errorOf(call());
    expect(error === undefined || error instanceof CaduceusError, String(error)).toBe(true);
  });
});

describe("listen", () => {
  const taken = createServer();
  beforeAll(async () => void (await once(taken.listen(0, "127.0.0.1"), "listening")));
  afterAll(() => void taken.close());

  test.each<[string, () => { host?: string; port: number }, string, RegExp]>([
    ["a port in use", () => ({ port: (taken.address() as AddressInfo).port }), "port", /^EADDRINUSE$/],
    ["an address of another machine", () => ({ host: "192.0.2.1", port: 0 }), "host", /^E/],
    ["a host that does not exist", () => ({ host: "nowhere.invalid", port: 0 }), "host", /^E/],
  ])("on %s throws SYSTEM_ERROR with the option, a remedy and the system's error", async (_, options, param, code) => {
    const handler = createHandler({ models: { a: new Promise<never>(() => {}) } });
    const error = await errorOf(listen(handler, options()));
    expect(error).toBeInstanceOf(CaduceusError);
    expect(error).toMatchObject({ code: "SYSTEM_ERROR", param });
    const { message, remedy, cause } = error as CaduceusError;
    expect(message).toMatch(/^The server cannot listen on .+, port \d+: .+\. Give .+\.$/);
    expect(remedy).toMatch(/^Give .+\.$/);
    expect((cause as NodeJS.ErrnoException).code).toMatch(code);
  });
});

test("an error with a system call becomes SYSTEM_ERROR, and all others stay as they are", async () => {
  const refused = Object.assign(new Error("EROFS: read-only file system, unlink 'x'"), {
    code: "EROFS",
    syscall: "unlink",
  });
  const error = await errorOf(withSystemErrors("The model cannot be removed", () => Promise.reject(refused)));
  expect(error).toBeInstanceOf(CaduceusError);
  expect(error).toMatchObject({
    code: "SYSTEM_ERROR",
    message:
      "The model cannot be removed: EROFS: read-only file system, unlink 'x'. Check the file or folder and its permissions.",
    remedy: "Check the file or folder and its permissions.",
    cause: refused,
  });
  for (const other of [new TypeError("ours"), new CaduceusError("DISK_FULL", "Full."), undefined, null, "text", 5])
    expect(systemError(other, "x")).toBe(other);
});
