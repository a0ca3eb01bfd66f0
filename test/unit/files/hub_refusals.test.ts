// Downloads that may not begin: no room on the disk, no permission, no network wanted.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { resolveModel } from "../../../src/files/index.js";
import { failure, files, folder, hub, name, repository, size } from "./tiny_hub.js";

const free = vi.hoisted(() => ({ bytes: undefined as number | undefined }));
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  return {
    ...fs,
    statfs: async (folder: string) =>
      free.bytes === undefined ? fs.statfs(folder) : { bavail: free.bytes, bsize: 1, blocks: 1e12 },
  };
});
vi.mock("node:timers/promises", async (original) => (await import("./tiny_hub.js")).quickTimers(await original()));

afterEach(() => {
  free.bytes = undefined;
});

describe("the disk", () => {
  test("is asked before the first byte, counting what is there", async () => {
    free.bytes = size - 1;
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DISK_FULL",
      message: expect.stringMatching(/hf:owner\/tiny-GGUF:Q4_K_M needs .* CADUCEUS_CACHE/),
    });
    expect(hub.storageRequests).toEqual([]);
    expect(await files()).toEqual([]);
  });

  test("a folder that cannot be made is DOWNLOAD_FAILED with the way out", async () => {
    await writeFile(path.join(folder, "cache"), "");
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("CADUCEUS_CACHE"),
    });
  });
});

describe("permission", () => {
  test("a gated repository says what to do, and the token goes to the hub and nowhere else", async () => {
    hub.gated.set(repository, "hf_secret");
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "ACCESS_DENIED",
      message: expect.stringMatching(/Ask for access on .*owner\/tiny-GGUF, then set HF_TOKEN/),
    });
    vi.stubEnv("HF_TOKEN", "hf_other");
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "ACCESS_DENIED",
      message: expect.stringContaining("not open to this token"),
    });
    vi.stubEnv("HF_TOKEN", "hf_secret");
    await resolveModel(name);
    expect(hub.hubRequests.at(-1)!.authorization).toBe("Bearer hf_secret");
    expect(hub.storageRequests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test("the token that the hub's own tools keep is used", async () => {
    hub.gated.set(repository, "hf_kept");
    await mkdir(path.join(folder, "hf"));
    await writeFile(path.join(folder, "hf", "token"), "hf_kept\n");
    await resolveModel(name);
  });

  test.each<[string, string, { status: number; code?: string }, string, string]>([
    [
      "an unknown repository",
      "",
      { status: 401, code: "RepoNotFound" },
      "MODEL_NOT_FOUND",
      "Check the name, or set HF_TOKEN",
    ],
    [
      "an unknown repository, with a token",
      "hf_x",
      { status: 404, code: "RepoNotFound" },
      "MODEL_NOT_FOUND",
      "Check the name, and that the token",
    ],
    ["a wrong token", "hf_x", { status: 401 }, "ACCESS_DENIED", "does not accept the token"],
    ["a forbidden one", "", { status: 403 }, "ACCESS_DENIED", "set HF_TOKEN"],
  ])("%s", async (_, token, refusal, code, words) => {
    vi.stubEnv("HF_TOKEN", token);
    hub.refusals.push(refusal);
    expect(await failure(resolveModel(name))).toMatchObject({
      code,
      message: expect.stringContaining(words),
      remedy: expect.stringMatching(/^[A-Z].*\.$/),
    });
  });

  test("offline nothing is asked", async () => {
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "MODEL_NOT_FOUND",
      message: expect.stringContaining("HF_HUB_OFFLINE"),
    });
    expect(hub.hubRequests).toEqual([]);
  });
});
