// The generator of test models: what its files hold, that they come out the same everywhere, and how large 7B would be.
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { cacheFolder } from "../../../src/files/index.js";
import {
  cachedModel,
  cachedModelPath,
  makeModel,
  planModel,
  type ModelOptions,
} from "../../support/gguf/make_model.mjs";
import { decodeQ8Row, readGguf } from "./read_gguf.js";

const folder = mkdtempSync(join(tmpdir(), "caduceus-gguf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

function made(options: Partial<ModelOptions> = {}): Buffer {
  const path = join(folder, "made.gguf");
  makeModel(path, { shape: "tiny", added: "control", ...options });
  return readFileSync(path);
}

const control = made();
const gguf = readGguf(control);

function tensorOf(file: Buffer, name: string) {
  const tensor = readGguf(file).tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) throw new Error(`No tensor ${name}.`);
  return tensor;
}

describe("a tiny model's file", () => {
  test("has every tensor at a multiple of 32 bytes, none overlapping, and ends after the last", () => {
    const bytesOf = (type: number, weights: number) => (type === 0 ? weights * 4 : (weights / 32) * 34);
    let end = 0;
    for (const { position, dimensions, type } of gguf.tensors) {
      expect([0, 8]).toContain(type);
      expect(position % 32).toBe(0);
      expect(position).toBeGreaterThanOrEqual(end);
      end =
        position +
        bytesOf(
          type,
          dimensions.reduce((product, size) => product * size, 1),
        );
    }
    expect(control.length).toBe(Math.ceil(end / 32) * 32);
    expect(gguf.tensors).toHaveLength(3 + 2 * 9);
  });

  test("holds Mistral's pieces with the markers and the padding behind them", () => {
    const tokens = gguf.metadata.get("tokenizer.ggml.tokens") as string[];
    expect(tokens).toHaveLength(32032);
    expect(new Set(tokens).size).toBe(32032);
    expect([0, 1, 2, 3, 258, 259, 31999].map((id) => tokens[id])).toEqual([
      "<unk>",
      "<s>",
      "</s>",
      "<0x00>",
      "<0xFF>",
      "\u2581\u2581",
      "梦",
    ]);
    expect(tokens.slice(32000, 32003)).toEqual(["<|im_end|>", "<|im_start|>", "<dummy32002>"]);
    expect(tokens[32031]).toBe("<dummy32031>");
  });

  test("scores pieces by their rank and runs of spaces below everything", () => {
    const scores = gguf.metadata.get("tokenizer.ggml.scores") as number[];
    const spaces = [259, 260, 273, 355, 359, 428, 558, 569, 756, 1417, 2287, 2600, 5390, 17422, 28705];
    expect(
      scores.slice(0, 32000).flatMap((score, id) => (score === (id < 259 ? 0 : -(id - 259)) && id !== 259 ? [] : [id])),
    ).toEqual(spaces);
    expect(spaces.map((id) => scores[id])).toEqual(spaces.map(() => -1e9));
  });

  test("differs between the two typings only in the 32 added tokens' types", () => {
    const typesOf = (file: Buffer) => readGguf(file).metadata.get("tokenizer.ggml.token_type") as number[];
    const userDefined = made({ added: "user-defined" });
    expect(typesOf(control).slice(32000)).toEqual(Array(32).fill(3));
    expect(typesOf(userDefined).slice(32000)).toEqual(Array(32).fill(4));
    let different = 0;
    for (let at = 0; at < control.length; at++) if (control[at] !== userDefined[at]) different++;
    expect(different).toBe(32);
  });

  test("comes out the same on every machine", () => {
    // After a wanted change: raise GENERATOR_VERSION, then put the new hash here.
    expect(createHash("sha256").update(control).digest("hex")).toBe(
      "5691a01cdd4c20cbde0f00522a976bef73bfc8f160fbe4fba2ccbace68e34bb1",
    );
  });

  test("has other weights and the same header for another seed", () => {
    const other = made({ seed: 2 });
    const start = gguf.tensors[0]?.position ?? 0;
    expect(other.subarray(0, start).equals(control.subarray(0, start))).toBe(true);
    expect(other.subarray(start).equals(control.subarray(start))).toBe(false);
  });

  test("takes its length, layers, name and template from the options", () => {
    const { metadata, tensors } = readGguf(
      made({ contextLength: 512, layers: 3, name: "Small", chatTemplate: "{{x}}" }),
    );
    expect(metadata.get("llama.context_length")).toBe(512);
    expect(metadata.get("llama.block_count")).toBe(3);
    expect(metadata.get("general.name")).toBe("Small");
    expect(metadata.get("tokenizer.chat_template")).toBe("{{x}}");
    expect(tensors).toHaveLength(3 + 3 * 9);
  });
});

describe("steering", () => {
  test("the first number of the hidden state is one constant that no layer writes to", () => {
    const embedding = tensorOf(control, "token_embd.weight");
    const constant = decodeQ8Row(control, embedding, 0)[0] ?? 0;
    expect(constant).toBeGreaterThan(1);
    for (const row of [1, 17, 32000, 32031]) expect(decodeQ8Row(control, embedding, row)[0]).toBe(constant);
    for (const name of [
      "blk.0.attn_output.weight",
      "blk.0.ffn_down.weight",
      "blk.1.attn_output.weight",
      "blk.1.ffn_down.weight",
    ]) {
      expect(decodeQ8Row(control, tensorOf(control, name), 0).every((weight) => weight === 0)).toBe(true);
      expect(decodeQ8Row(control, tensorOf(control, name), 1).every((weight) => weight === 0)).toBe(false);
    }
  });

  test("tokenBias moves the named tokens' rows of the output and no other", () => {
    const biased = made({ tokenBias: { 32005: 40, 32000: 25 } });
    const output = tensorOf(biased, "output.weight");
    const bias = (row: number) => decodeQ8Row(biased, output, row)[0];
    expect(bias(32005)).toBeCloseTo(40, 1);
    expect(bias(32000)).toBeCloseTo(25, 1);
    expect([2, 32001].map(bias).map((value) => Math.round(value ?? 0))).toEqual([-30, -30]);
    expect([0, 1, 500, 32006].map(bias)).toEqual([0, 0, 0, 0]);
  });
});

describe("what is wrong on purpose", () => {
  const metadataOf = (corrupt: NonNullable<ModelOptions["corrupt"]>) => readGguf(made({ corrupt })).metadata;

  test("duplicate-token gives two tokens one text", () => {
    expect(new Set(metadataOf("duplicate-token").get("tokenizer.ggml.tokens") as string[]).size).toBe(32031);
  });

  test("short-scores leaves the last token without a score", () => {
    expect(metadataOf("short-scores").get("tokenizer.ggml.scores")).toHaveLength(32031);
  });

  test("bos-out-of-range names a token that is not there", () => {
    expect(metadataOf("bos-out-of-range").get("tokenizer.ggml.bos_token_id")).toBe(32032);
  });

  test("no-vocabulary leaves the token lists out", () => {
    expect([...metadataOf("no-vocabulary").keys()].filter((key) => /tokens$|scores$|token_type$/.test(key))).toEqual(
      [],
    );
  });
});

describe("the 7B shape", () => {
  test("has, as Q4_0, the published file's size to within 1 KiB", () => {
    const { fileBytes } = planModel({ shape: "7b", added: "control", quantization: "Q4_0" });
    expect(Math.abs(fileBytes - 4_109_098_752)).toBeLessThan(1024);
  });

  test("mixes Q6_K into Q4_K where llama.cpp's Q4_K_M does", () => {
    const { tensors, fileBytes } = planModel({ shape: "7b", added: "control" });
    const layers = [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31];
    const expected = [
      "output.weight",
      ...layers.flatMap((layer) => [`blk.${layer}.attn_v.weight`, `blk.${layer}.ffn_down.weight`]),
    ];
    expect(
      tensors
        .filter(({ type }) => type === "Q6_K")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(expected.sort());
    expect(new Set(tensors.map(({ type }) => type))).toEqual(new Set(["F32", "Q4_K", "Q6_K"]));
    expect(tensors).toHaveLength(3 + 32 * 9);
    expect(fileBytes / 1e9).toBeCloseTo(4.37, 2);
  });

  test("refuses a bias, which its tensor types have no room for", () => {
    expect(() => planModel({ shape: "7b", added: "control", tokenBias: { 5: 1 } })).toThrow(
      "Expected the shape tiny for tokenBias",
    );
  });
});

describe("files", () => {
  test("a model that can't be put in its place leaves nothing behind", () => {
    const place = join(folder, "taken");
    mkdirSync(join(place, "model.gguf"), { recursive: true });
    writeFileSync(join(place, "model.gguf", "occupied"), "");
    expect(() => makeModel(join(place, "model.gguf"), { shape: "tiny", added: "control" })).toThrow();
    expect(readdirSync(place)).toEqual(["model.gguf"]);
  });

  test("a cached model is made once, and other options are another file", () => {
    vi.stubEnv("CADUCEUS_CACHE", join(folder, "cache"));
    const first = cachedModel({ shape: "tiny", added: "control" });
    const { ino, mtimeMs } = statSync(first);
    expect(cachedModel({ added: "control", shape: "tiny" })).toBe(first);
    expect(statSync(first)).toMatchObject({ ino, mtimeMs });
    expect(cachedModel({ shape: "tiny", added: "control", seed: 9 })).not.toBe(first);
    expect(readdirSync(join(folder, "cache", "test-models"))).toHaveLength(2);
  });

  test.each([
    { CADUCEUS_CACHE: "", XDG_CACHE_HOME: "", LOCALAPPDATA: "" },
    { CADUCEUS_CACHE: "", XDG_CACHE_HOME: join(folder, "xdg"), LOCALAPPDATA: join(folder, "local") },
    { CADUCEUS_CACHE: "", XDG_CACHE_HOME: "relative", LOCALAPPDATA: "" },
    { CADUCEUS_CACHE: "relative", XDG_CACHE_HOME: join(folder, "xdg"), LOCALAPPDATA: "" },
  ])("cached models lie in the library's own cache folder under %o", (environment) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    expect(dirname(cachedModelPath({ shape: "tiny", added: "control" }))).toBe(join(cacheFolder(), "test-models"));
  });

  test("the command line writes the same bytes on plain Node", () => {
    const script = fileURLToPath(new URL("../../support/gguf/make_model.mjs", import.meta.url));
    const out = join(folder, "by_command.gguf");
    execFileSync(process.execPath, [script, "--shape", "tiny", "--added", "control", "--out", out], { stdio: "pipe" });
    expect(readFileSync(out).equals(control)).toBe(true);
    expect(() => execFileSync(process.execPath, [script, "--shape", "huge"], { stdio: "pipe" })).toThrow(
      "Expected tiny, 7b or narrow for --shape but received huge.",
    );
  });
});
