// Downloads from a hub on this machine that breaks, stalls, lies and forgets: what is left is the right file, or none.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { listModels, pullModel, removeModel, resolveModel, type FetchProgress } from "../../../src/files/index.js";
import { FakeHub, sha256, type Misbehavior } from "../../support/fake_hub.js";

const repository = "owner/tiny-GGUF";
const fileName = "tiny.Q4_K_M.gguf";
const name = `hf:${repository}:q4_k_m`;
const size = 300_000;
const free = vi.hoisted(() => ({ bytes: undefined as number | undefined }));
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  return {
    ...fs,
    statfs: async (folder: string) =>
      free.bytes === undefined ? fs.statfs(folder) : { bavail: free.bytes, bsize: 1, blocks: 1e12 },
  };
});
// The waits between attempts, twenty times as short.
vi.mock("node:timers/promises", async (original) => {
  const timers = await original<typeof import("node:timers/promises")>();
  return { ...timers, setTimeout: (ms: number, ...rest: []) => timers.setTimeout(ms / 20, ...rest) };
});

let folder: string;
let models: string;
let file: string;
let hub: FakeHub;
let content: Buffer;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-hub-"));
  models = path.join(folder, "cache", "models", "owner--tiny-GGUF");
  file = path.join(models, fileName);
  hub = await FakeHub.start();
  content = hub.offer(repository, fileName, size);
  vi.stubEnv("CADUCEUS_CACHE", path.join(folder, "cache"));
  for (const unset of [
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HUB_OFFLINE",
  ])
    vi.stubEnv(unset, "");
  vi.stubEnv("HF_HOME", path.join(folder, "hf"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "0.3");
});

afterEach(async () => {
  free.bytes = undefined;
  vi.unstubAllEnvs();
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

const files = async () => (await readdir(models).catch(() => [])).sort();
const isThere = async () => expect((await readFile(file)).equals(content)).toBe(true);
const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable("It succeeded."),
    (error: unknown) => error as Error & { code?: string },
  );
/** How the parts were asked for. */
const ranges = () => hub.storageRequests.map(({ range }) => range);

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
    content = hub.offer(repository, fileName, size);
    expect((await pullModel(name)).path).toBe(file);
    await isThere();
  });

  test("a link whose file is gone is no model", async () => {
    const link = await cached("aaa", fileName, content, true);
    await rm(path.join(folder, "hf", "hub", "models--owner--tiny-GGUF", "blobs", sha256(content)));
    expect((await resolveModel(name)).path).not.toBe(link);
  });
});

describe("a server that", () => {
  const after = 100_000;
  // What was sent last before a break may be lost with it.
  const rest = expect.stringMatching(/^bytes=\d+-$/);
  test.each<[string, Misbehavior[], unknown[]]>([
    ["breaks off", [{ kind: "break", after }], [undefined, rest]],
    ["stalls", [{ kind: "stall", after }], [undefined, rest]],
    ["ends too early without a word", [{ kind: "short", after }], [undefined, rest]],
    [
      "is overloaded",
      [
        { kind: "status", status: 503 },
        { kind: "status", status: 429, headers: { "retry-after": "0" } },
      ],
      [undefined, undefined, undefined],
    ],
    [
      "lets its address expire",
      [
        { kind: "break", after },
        { kind: "status", status: 403 },
      ],
      [undefined, rest, rest],
    ],
    ["forgets ranges", [{ kind: "break", after }, { kind: "no-ranges" }], [undefined, rest]],
    [
      "sends another range than was asked for",
      [
        { kind: "break", after },
        { kind: "wrong-range", shift: 10 },
      ],
      [undefined, rest, undefined],
    ],
    [
      "has no rest",
      [
        { kind: "break", after },
        { kind: "status", status: 416 },
      ],
      [undefined, rest, undefined],
    ],
    [
      "mixes wrong bytes into the rest",
      [{ kind: "break", after }, { kind: "wrong-bytes" }],
      [undefined, rest, undefined],
    ],
  ])("%s still gives the right file", async (_, misbehaviors, asked) => {
    hub.misbehaviors.push(...misbehaviors);
    await resolveModel(name);
    await isThere();
    expect(await files()).toEqual([fileName, `${fileName}.verified`]);
    expect(ranges()).toEqual(asked);
  });

  test.each<[string, Misbehavior, string]>([
    ["serves wrong bytes", { kind: "wrong-bytes" }, "wrong checksum"],
    ["announces too little", { kind: "length", length: 1000 }, "announces 1000 bytes where 300000 are expected"],
    ["sends too much", { kind: "long", by: 10 }, "more than its 300000 bytes"],
    ["sends a web page", { kind: "web-page" }, "a web page was sent"],
    ["refuses", { kind: "status", status: 410 }, "answered 410"],
  ])("%s is told apart at once, and nothing is left that can be taken for the model", async (_, misbehavior, words) => {
    hub.misbehaviors.push(misbehavior);
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining(words),
    });
    expect(hub.storageRequests).toHaveLength(1);
    expect((await files()).filter((left) => left.endsWith(".gguf"))).toEqual([]);
    expect(await listModels()).not.toContainEqual(expect.objectContaining({ state: "complete" }));
    await resolveModel(name);
    await isThere();
  });

  test("never gets further is given up, also when it always begins anew", async () => {
    for (let n = 0; n < 5; n++) hub.misbehaviors.push({ kind: "no-ranges", breakAfter: 50_000 });
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("could not be fetched after 5 attempts"),
    });
    expect(hub.misbehaviors).toEqual([]);
  });

  test("redirects to a place that offers another file than was listed is refused", async () => {
    hub.linkedEtag = `"${"0".repeat(64)}"`;
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("now offers another one"),
    });
  });

  test("redirects in circles or to no address is refused", async () => {
    hub.redirectTo = `${hub.endpoint}/${repository}/resolve/main/${fileName}`;
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("without end"),
    });
    hub.redirectTo = "file:///etc/passwd";
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("not followed"),
    });
  });

  test("is not there says how to name another", async () => {
    await hub.close();
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringMatching(
        /^The list of files of owner\/tiny-GGUF could not be fetched: 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)\. Check the network, or set HF_ENDPOINT to a mirror\.$/,
      ),
    });
  });

  test("answers with something else than a hub does is told apart", async () => {
    vi.stubEnv("HF_ENDPOINT", `${hub.endpoint}/elsewhere`);
    expect((await failure(resolveModel(name))).code).toBe("MODEL_NOT_FOUND");
    vi.stubEnv("HF_ENDPOINT", "huggingface.co");
    expect(await failure(resolveModel(name))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("HF_ENDPOINT"),
    });
  });
});

describe("going on", () => {
  async function interrupt(): Promise<void> {
    hub.misbehaviors.push({ kind: "stall", after: 200_000 });
    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = ({ receivedBytes = 0 }: FetchProgress) => receivedBytes >= 200_000 && controller.abort(reason);
    expect(await failure(resolveModel(name, { signal: controller.signal, onProgress }))).toBe(reason);
  }

  test("a cancelled download keeps its part, is no model, and goes on from there", async () => {
    await interrupt();
    expect(await files()).toEqual([`${fileName}.part`, `${fileName}.part.json`]);
    expect(await listModels()).toMatchObject([
      { name: `hf:${repository}/${fileName}`, state: "partial", sizeBytes: 200_000 },
    ]);
    expect(await failure(resolveModel(`${file}.part`))).toMatchObject({
      code: "MODEL_INVALID",
      message: expect.stringContaining("is an incomplete download. `caduceus pull` resumes it."),
    });
    await resolveModel(name);
    await isThere();
    expect(ranges()).toEqual([undefined, "bytes=200000-"]);
    expect(await files()).toEqual([fileName, `${fileName}.verified`]);
  });

  test("a part can be removed, by the model's name", async () => {
    await interrupt();
    expect(await removeModel(name)).toEqual([{ path: file, sizeBytes: 200_000 }]);
    await expect(stat(models)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a process that was stopped until another took its lock gives up, and the other's file is right", async () => {
    const other = (await import("../../../src/files/hub/part_file.js")).PartFile;
    let taken: Promise<void> | undefined;
    hub.misbehaviors.push({ kind: "slow", bytesPerChunk: 50_000, pauseMs: 20 });
    // What the second process does, while the first believes that it is alone.
    const take = async () => {
      const part = await other.open(file, size, { algorithm: "sha256", hex: sha256(content) });
      await part.append(content.subarray(part.size));
      expect(await part.finish()).toBe(true);
    };
    const onProgress = ({ receivedBytes = 0 }: FetchProgress) => void (receivedBytes >= 100_000 && (taken ??= take()));
    expect(await failure(resolveModel(name, { onProgress }))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("taken over"),
    });
    await taken;
    await isThere();
  });

  test("the part of an older file of this name is not used", async () => {
    await interrupt();
    content = hub.offer(repository, fileName, size);
    await resolveModel(name);
    await isThere();
    expect(ranges()).toEqual([undefined, undefined]);
  });

  test("a part that was altered is noticed by the checksum, and everything fetched anew", async () => {
    await interrupt();
    await writeFile(`${file}.part`, Buffer.alloc(200_000, 1));
    await resolveModel(name);
    await isThere();
    expect(ranges()).toEqual([undefined, "bytes=200000-", undefined]);
  });

  test("a part that is already whole needs no request", async () => {
    await interrupt();
    await writeFile(`${file}.part`, content);
    await resolveModel(name);
    await isThere();
    expect(ranges()).toEqual([undefined]);
  });
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

test("channels tell start, retry and end in this order, without the storage's secret address", async () => {
  const heard: [string, Record<string, unknown>][] = [];
  const listeners = (["start", "retry", "end"] as const).map(
    (event) =>
      [
        `caduceus:download:${event}`,
        (message: unknown) => heard.push([event, message as Record<string, unknown>]),
      ] as const,
  );
  for (const [channel, listener] of listeners) subscribe(channel, listener);
  try {
    hub.misbehaviors.push({ kind: "break", after: 1000 });
    await resolveModel(name);
    hub.offer(repository, "tiny.Q8_0.gguf", 500);
    hub.misbehaviors.push({ kind: "wrong-bytes" });
    await failure(resolveModel(`hf:${repository}:Q8_0`));
  } finally {
    for (const [channel, listener] of listeners) unsubscribe(channel, listener);
  }
  expect(heard.map(([event]) => event)).toEqual(["start", "retry", "end", "start", "end"]);
  expect(heard[0]![1]).toEqual({
    path: file,
    url: `${hub.endpoint}/${repository}/resolve/main/${fileName}`,
    totalBytes: size,
    resumedBytes: 0,
  });
  expect(heard[1]![1]).toMatchObject({ receivedBytes: expect.any(Number), waitMs: 500 });
  expect(heard[2]![1]).toMatchObject({ receivedBytes: size });
  expect(heard[4]![1]).toMatchObject({ error: { name: "CaduceusError", code: "DOWNLOAD_FAILED" } });
  expect(JSON.stringify(heard)).not.toContain("secret");
});
