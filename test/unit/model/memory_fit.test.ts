// What a header says of a model, and what of the model fits into memory.
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { doctor, inspectModel, load } from "../../../src/index.js";
import { listGpus } from "../../../src/engine/addon/gpus.js";
import { readHeader, readLocalHeader } from "../../../src/model/inspection/gguf_header.js";
import { layersThatFit } from "../../../src/model/inspection/gpu_fit.js";
import { memoryNeed, withDraft } from "../../../src/model/inspection/memory_need.js";
import { whyNotFit } from "../../../src/model/inspection/memory_fit.js";
import { FakeHub } from "../../support/fake_hub.js";
import { planModel } from "../../support/gguf/make_model.mjs";
import { hermesModel } from "../../support/models.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const gibibyte = 2 ** 30;
const options = { contextSize: undefined, cacheTokens: undefined, kvType: "f16", gpuLayers: 0 } as const;
const hermes = planModel({ shape: "7b", added: "control", quantization: "Q4_K_M" });
const fromBuffer = (bytes: Buffer) => async (position: number, length: number) =>
  bytes.subarray(position, position + length);
const hermesHeader = () => readHeader(fromBuffer(hermes.header), "hermes");
let folder: string;
let big: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-fit-"));
  // Hermes' true header, and holes where its 4.4 GB of weights would be.
  big = path.join(folder, "Hermes.Q4_K_M.gguf");
  await writeFile(big, hermes.header);
  const handle = await open(big, "r+");
  await handle.truncate(hermes.fileBytes).finally(() => handle.close());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a header", () => {
  test("gives the shape of Hermes 2 Pro, whatever pieces it comes in", async () => {
    for (const chunk of [24, 1000, 2 ** 20]) {
      const header = await readHeader(fromBuffer(hermes.header), "hermes", chunk);
      expect(header).toMatchObject({
        version: 3,
        tensors: hermes.tensors.length,
        dataOffset: hermes.header.length,
        parameters: 7_241_994_240,
      });
      expect(header.metadata.get("tokenizer.ggml.tokens")).toEqual({ count: 32032 });
      expect(header.metadata.get("llama.block_count")).toBe(32);
      expect(Object.keys(header.tensorTypes)).toEqual(["Q4_K", "Q6_K", "F32"]);
    }
  });

  test.each<[string, (header: Buffer) => Buffer, string]>([
    ["empty", () => Buffer.alloc(0), "is not a GGUF file"],
    ["a web page", () => Buffer.from("<html><body>Please log in.</body></html>"), "is not a GGUF file"],
    ["cut off in the vocabulary", (header) => header.subarray(0, 100_000), "is truncated"],
    [
      "of a version to come",
      (header) => Buffer.concat([header.subarray(0, 4), Buffer.from([9, 0, 0, 0]), header.subarray(8)]),
      "is GGUF version 9",
    ],
    [
      "counting endless entries",
      (header) => Buffer.concat([header.subarray(0, 16), Buffer.alloc(8, 255), header.subarray(24)]),
      "keys in its header; more than 4096 are not read",
    ],
    [
      "with an endless text",
      (header) => Buffer.concat([header.subarray(0, 24), Buffer.alloc(8, 127), header.subarray(32)]),
      "too long",
    ],
  ])("%s is MODEL_INVALID", async (_, damage, words) => {
    await expect(readHeader(fromBuffer(damage(hermes.header)), "it")).rejects.toMatchObject({
      code: "MODEL_INVALID",
      message: expect.stringContaining(words),
    });
  });

  test("bytes changed anywhere end in an answer or in MODEL_INVALID, never in anything else", async () => {
    const file = await hermesModel();
    const header = (await readLocalHeader(file)).dataOffset;
    const bytes = hermes.header.subarray(0, Math.min(header, 3000));
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = Buffer.from(bytes);
      damaged[at] = 255;
      await readHeader(fromBuffer(damaged), "it").catch((error: unknown) =>
        expect(error).toMatchObject({ code: "MODEL_INVALID" }),
      );
    }
  });
});

describe("memory", () => {
  test("of Hermes 2 Pro at its defaults is its weights and 128 KiB for each of 16,384 tokens", async () => {
    const need = memoryNeed(await hermesHeader(), hermes.fileBytes, options);
    expect(need).toMatchObject({
      contextSize: 8192,
      cacheTokens: 16384,
      cacheBytesPerToken: 131072,
      cacheBytes: 2 * gibibyte,
      weightsBytes: hermes.fileBytes - hermes.header.length,
    });
    expect(need.totalBytes).toBe(need.weightsBytes + need.cacheBytes + need.computeBytes);
  });

  test("shrinks with q8_0, a smaller cache, and layers on a GPU", async () => {
    const header = await hermesHeader();
    const need = (changes: object) => memoryNeed(header, hermes.fileBytes, { ...options, ...changes });
    expect(need({ kvType: "q8_0" }).cacheBytes).toBe((2 * gibibyte * 17) / 32);
    expect(need({ contextSize: 1000 }).cacheTokens).toBe(2000);
    expect(need({ cacheTokens: 500 })).toMatchObject({ contextSize: 500, cacheTokens: 500 });
    expect(need({ gpuLayers: 16 }).weightsBytes).toBe(Math.round((hermes.fileBytes - hermes.header.length) / 2));
    expect(need({ gpuLayers: 99 })).toMatchObject({ weightsBytes: 0, cacheBytes: 0 });
  });

  test("that is not there is said with a cache that would fit, or with a smaller model where none would", async () => {
    const need = memoryNeed(await hermesHeader(), hermes.fileBytes, options);
    expect(whyNotFit(need, { availableBytes: 8 * gibibyte })).toBeUndefined();
    const room = 5.5 * gibibyte;
    const fitting = Number(/at most (\d+)/.exec(whyNotFit(need, { availableBytes: room })?.remedy ?? "")?.[1]);
    expect(need.weightsBytes + fitting * need.cacheBytesPerToken).toBeLessThanOrEqual(room);
    expect(need.weightsBytes + (fitting + 256) * need.cacheBytesPerToken).toBeGreaterThan(room);
    expect(whyNotFit(need, { availableBytes: 2 * gibibyte })).toEqual({
      problem: expect.stringMatching(
        /^needs 4\.\d\d GiB for its weights and 2\.00 GiB for a cache of 16384 tokens, but 2\.00 GiB are free$/,
      ),
      remedy: expect.stringMatching(/^Take a smaller quantization/),
    });
  });

  test("counts a draft model", async () => {
    const need = memoryNeed(await hermesHeader(), hermes.fileBytes, options);
    const both = withDraft(need, need);
    expect(both.totalBytes).toBe(2 * need.totalBytes);
    expect(whyNotFit(both, { availableBytes: 13 * gibibyte })).toBeUndefined();
    expect(whyNotFit(both, { availableBytes: 8 * gibibyte })?.problem).toMatch(
      /, and 6\.\d\d GiB for its draft model, but/,
    );
    const draftBytes = need.weightsBytes + need.cacheBytes;
    expect((await inspectModel(big, { draftModel: big })).memory).toEqual({ ...both, draftBytes });
  });

  test("on GPUs holds as many layers as fit beside what is kept free, over all of them; the output too when all do", async () => {
    const header = await hermesHeader();
    const fit = (...free: number[]) =>
      layersThatFit(
        header,
        hermes.fileBytes,
        options,
        free.map((freeBytes) => ({ freeBytes })),
      );
    const { weightsBytes, cacheBytes, computeBytes } = memoryNeed(header, hermes.fileBytes, options);
    const kept = 512 * 2 ** 20 + computeBytes;
    expect(fit(80 * gibibyte)).toBe(33);
    expect(fit(weightsBytes + cacheBytes + kept)).toBe(33);
    expect(fit(weightsBytes + cacheBytes + kept - 1)).toBe(31);
    expect(fit((weightsBytes + cacheBytes) / 2 + kept)).toBe(16);
    expect(fit((weightsBytes + cacheBytes) / 4 + kept, (weightsBytes + cacheBytes) / 4 + kept)).toBe(16);
    expect(fit(kept, 1000)).toBe(0);
    expect(
      layersThatFit(header, hermes.fileBytes, { ...options, kvType: "q8_0", contextSize: 1000 }, [
        { freeBytes: 4 * gibibyte },
      ]),
    ).toBeGreaterThan(fit(4 * gibibyte));
  });

  test("is asked for before the weights are read: load refuses at once, and doctor calls it wrong", async () => {
    vi.spyOn(process, "availableMemory").mockReturnValue(3 * gibibyte);
    try {
      const begun = cpuMs();
      await expect(load(big)).rejects.toMatchObject({
        code: "OUT_OF_MEMORY",
        message: expect.stringMatching(/Hermes\.Q4_K_M\.gguf needs 4\.\d\d GiB .* smaller quantization/),
      });
      expect(cpuMs() - begun).toBeLessThan(2_000);
      const { isHealthy, findings, model } = await doctor(big);
      expect(isHealthy).toBe(process.platform === "darwin");
      expect(findings.at(-1)).toMatchObject({
        subject: `Model ${big}`,
        state: "problem",
        remedy: expect.stringContaining("smaller quantization"),
      });
      expect(model).toMatchObject({ parameters: 7_241_994_240, quantization: "Q4_K_M" });
    } finally {
      vi.restoreAllMocks();
    }
  });
});

describe("a model on the hub", () => {
  test.each(["ranges", "none"])(
    "is inspected by its first bytes alone, and nothing is kept (server with %s)",
    async (kind) => {
      const hub = await FakeHub.start();
      const weights = Buffer.alloc(12_000_000);
      hub.offer("owner/tiny-GGUF", "tiny.Q4_K_M.gguf", 0, Buffer.concat([hermes.header, weights]));
      if (kind === "none") for (let n = 0; n < 3; n++) hub.misbehaviors.push({ kind: "no-ranges" });
      for (const [variable, value] of [
        ["CADUCEUS_CACHE", path.join(folder, "none")],
        ["HF_HUB_CACHE", path.join(folder, "none")],
        ["HF_ENDPOINT", hub.endpoint],
        ["HF_TOKEN", ""],
      ] as const)
        vi.stubEnv(variable, value);
      try {
        const summary = await inspectModel("hf:owner/tiny-GGUF", { contextSize: 1000 });
        expect(summary).toMatchObject({
          url: `${hub.endpoint}/owner/tiny-GGUF/resolve/main/tiny.Q4_K_M.gguf`,
          sizeBytes: hermes.header.length + weights.length,
          parameters: 7_241_994_240,
          memory: { cacheTokens: 2000 },
        });
        expect(summary.path).toBeUndefined();
        expect(hub.storageRequests.map(({ range }) => range)).toEqual(["bytes=0-2097151"]);
      } finally {
        vi.unstubAllEnvs();
        await hub.close();
      }
    },
  );
});

test.runIf((await listGpus()).length === 0)("layers for a GPU that is not there are counted here", async () => {
  expect((await inspectModel(big, { gpuLayers: 99 })).memory).toEqual((await inspectModel(big)).memory);
});

test("options of inspectModel are those that memory depends on", async () => {
  await expect(inspectModel(big, { threads: 2 } as never)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("inspectModel"),
  });
  await expect(inspectModel(big, { kvType: "f32" } as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});
