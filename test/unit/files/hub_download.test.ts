// Downloads from a hub on this machine that breaks, stalls, lies and forgets: what is left is the right file, or none.
import { stat, writeFile } from "node:fs/promises";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, test, vi } from "vitest";
import { listModels, removeModel, resolveModel, type FetchProgress } from "../../../src/files/index.js";
import { sha256, type Misbehavior } from "../../support/fake_hub.js";
import {
  content,
  failure,
  file,
  fileName,
  files,
  hub,
  isThere,
  models,
  name,
  offerAnew,
  ranges,
  repository,
  size,
} from "./tiny_hub.js";

vi.mock("node:timers/promises", async (original) => (await import("./tiny_hub.js")).quickTimers(await original()));

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
    offerAnew();
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
