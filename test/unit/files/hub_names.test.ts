// Models by their names in a hub: found, fetched once, found again, removed.
import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test, vi } from "vitest";
import { listModels, pullModel, removeModel, resolveModel, type FetchProgress } from "../../../src/files/index.js";
import { sha256 } from "../../support/fake_hub.js";
import {
  content,
  failure,
  file,
  fileName,
  files,
  folder,
  hub,
  isThere,
  models,
  name,
  offerAnew,
  repository,
  size,
} from "./tiny_hub.js";

vi.mock("node:timers/promises", async (original) => (await import("./tiny_hub.js")).quickTimers(await original()));

describe("a model by its name", () => {
  test("is fetched once, verified, and found again without a request", async () => {
    expect(await resolveModel(name)).toEqual({ path: file, alias: name });
    await isThere();
    expect(await files()).toEqual([fileName, `${fileName}.verified`]);
    const asked = hub.hubRequests.length;
    await hub.close();
    expect((await resolveModel(`hf:${repository}`)).path).toBe(file);
    expect(hub.hubRequests).toHaveLength(asked);
  });

  test("rises in progress from what is there to 1, in bytes too", async () => {
    const seen: FetchProgress[] = [];
    await resolveModel(name, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ fraction: 1, receivedBytes: size, totalBytes: size });
    expect(seen.every(({ fraction }, n) => n === 0 || fraction >= seen[n - 1]!.fraction)).toBe(true);
  });

  test("gives all parts of a split model, one after the other, and the path of the first", async () => {
    const parts = [1, 2, 3].map((n) => `deep/er/big-Q8_0-0000${n}-of-00003.gguf`);
    const contents = parts.map((part, n) => hub.offer(repository, part, 1000 * (n + 1)));
    const seen: number[] = [];
    const { path: first } = await resolveModel(`hf:${repository}:Q8_0`, {
      onProgress: ({ receivedBytes = 0 }) => seen.push(receivedBytes),
    });
    expect(first).toBe(path.join(models, parts[0]!));
    for (const [n, part] of parts.entries())
      expect((await readFile(path.join(models, part))).equals(contents[n]!)).toBe(true);
    expect(seen.at(-1)).toBe(6000);
    expect((await listModels()).map((model) => [model.name, model.sizeBytes, model.files])).toEqual([
      [`hf:${repository}:Q8_0`, 6000, 3],
    ]);
  });

  test("a split model of which a part is missing is fetched, and that part alone", async () => {
    const parts = [1, 2].map((n) => `big-Q8_0-0000${n}-of-00002.gguf`);
    for (const part of parts) hub.offer(repository, part, 1000);
    await resolveModel(`hf:${repository}:Q8_0`);
    await rm(path.join(models, parts[1]!));
    hub.storageRequests.length = 0;
    await resolveModel(`hf:${repository}:Q8_0`);
    expect(hub.storageRequests.map((request) => path.basename(request.path))).toEqual([parts[1]]);
  });

  test("hermes-2-pro is its own repository's Q4_K_M", async () => {
    const hermes = "NousResearch/Hermes-2-Pro-Mistral-7B-GGUF";
    hub.offer(hermes, "Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf", 2000);
    hub.offer(hermes, "Hermes-2-Pro-Mistral-7B.Q5_K_M.gguf", 3000);
    expect(path.basename((await resolveModel("hermes-2-pro")).path)).toBe("Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf");
    expect(path.basename((await resolveModel("hermes-2-pro:q5_k_m")).path)).toBe("Hermes-2-Pro-Mistral-7B.Q5_K_M.gguf");
    expect((await listModels()).map((model) => model.name)).toEqual(["hermes-2-pro:Q4_K_M", "hermes-2-pro:Q5_K_M"]);
  });

  test("a file is reached by its name, and one that Git keeps itself is verified by Git's own checksum", async () => {
    const small = hub.offer(repository, "some where/small.gguf", 60);
    const { path: found } = await resolveModel(`hf:${repository}/some where/small.gguf`);
    expect((await readFile(found)).equals(small)).toBe(true);
    hub.offer(repository, "small.gguf", 60);
    hub.misbehaviors.push({ kind: "web-page" });
    expect(await failure(resolveModel(`hf:${repository}/small.gguf`))).toMatchObject({ code: "DOWNLOAD_FAILED" });
  });

  test("files of other kinds and names that leave the folder are no models", async () => {
    for (const other of [
      "mmproj-tiny-Q4_K_M.gguf",
      "imatrix.gguf",
      "../../../evil.Q2_K.gguf",
      "a\\b.Q2_K.gguf",
      "README.md",
    ])
      hub.offer(repository, other, 500);
    hub.pageSize = 2;
    expect(await failure(resolveModel(`hf:${repository}:Q2_K`))).toMatchObject({
      code: "MODEL_NOT_FOUND",
      message: expect.stringMatching(/has no quantization Q2_K; it has Q4_K_M\.$/),
    });
    expect((await resolveModel(name)).path).toBe(file);
  });
});

describe("the Hugging Face cache", () => {
  async function cached(snapshot: string, file: string, bytes: Buffer, isMain = false): Promise<string> {
    const root = path.join(folder, "hf", "hub", "models--owner--tiny-GGUF");
    const link = path.join(root, "snapshots", snapshot, file);
    for (const made of ["blobs", "refs", path.join("snapshots", snapshot)])
      await mkdir(path.join(root, made), { recursive: true });
    await writeFile(path.join(root, "blobs", sha256(bytes)), bytes);
    await symlink(path.join("..", "..", "blobs", sha256(bytes)), link);
    if (isMain) await writeFile(path.join(root, "refs", "main"), snapshot);
    return link;
  }

  test("gives what another tool has fetched, main's snapshot first, and nothing is asked or written", async () => {
    const main = await cached("aaa", fileName, content, true);
    await cached("bbb", fileName, Buffer.from("GGUF, newer, of another branch"));
    expect((await resolveModel(name)).path).toBe(main);
    expect(hub.hubRequests).toEqual([]);
    expect(await files()).toEqual([]);
    expect(await listModels()).toMatchObject([
      { name: `hf:${repository}:Q4_K_M`, source: "huggingface", path: main, sizeBytes: size },
    ]);
    expect(await failure(removeModel(`hf:${repository}:Q4_K_M`))).toMatchObject({
      code: "MODEL_NOT_FOUND",
      message: expect.stringContaining("Hugging Face cache"),
    });
  });

  test("pull takes it where it is what the hub has now, and fetches where it is not", async () => {
    const link = await cached("aaa", fileName, content, true);
    expect((await pullModel(name)).path).toBe(link);
    offerAnew();
    expect((await pullModel(name)).path).toBe(file);
    await isThere();
  });

  test("a link whose file is gone is no model", async () => {
    const link = await cached("aaa", fileName, content, true);
    await rm(path.join(folder, "hf", "hub", "models--owner--tiny-GGUF", "blobs", sha256(content)));
    expect((await resolveModel(name)).path).not.toBe(link);
  });
});

describe("names", () => {
  test("of a quantization that is not there lists those that are", async () => {
    hub.offer(repository, "tiny.Q8_0.gguf", 500);
    expect(await failure(resolveModel(`hf:${repository}:Q9_K`))).toMatchObject({
      code: "MODEL_NOT_FOUND",
      message: expect.stringContaining("has no quantization Q9_K; it has Q4_K_M, Q8_0."),
    });
  });

  test("that could be several files ask for one", async () => {
    hub.offer(repository, "other.Q4_K_M.gguf", 500);
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "MODEL_NOT_FOUND",
      message: expect.stringContaining(`name one of the files ${fileName}, other.Q4_K_M.gguf`),
    });
  });

  test.each([
    "hf:",
    "hf:owner",
    "hf:owner/",
    "hf:../..",
    "hf:owner/name:a:b",
    "hf:owner/name/../x.gguf",
    "hf:owner/na--me",
    "hf:owner/name?x",
  ])("%s is refused before anything is asked", async (wrong) => {
    expect(await failure(resolveModel(wrong))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("hf:owner/repository"),
    });
    expect(hub.hubRequests).toEqual([]);
  });
});

test("removing takes the file, its note and its folder, and nothing else", async () => {
  hub.offer(repository, "tiny.Q8_0.gguf", 500);
  await resolveModel(name);
  await resolveModel(`hf:${repository}:Q8_0`);
  expect(await failure(removeModel(`hf:${repository}`))).toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("could be any of these"),
  });
  expect(await removeModel(name)).toEqual([{ path: file, sizeBytes: size }]);
  expect(await files()).toEqual(["tiny.Q8_0.gguf", "tiny.Q8_0.gguf.verified"]);
  await removeModel(`hf:${repository}`);
  await expect(stat(models)).rejects.toMatchObject({ code: "ENOENT" });
  expect(await failure(removeModel(name))).toMatchObject({ code: "MODEL_NOT_FOUND" });
});
