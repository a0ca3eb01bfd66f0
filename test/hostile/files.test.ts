// Files that a stranger made, each used by a process of its own: refused or used, within a time, a memory and a delay
// of the event loop. The bounds are wide: what this is about took minutes, gigabytes, or did not end at all.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { hermesModel } from "../support/models.js";
import { GgufFile, raw } from "./gguf_file.js";
import { patience } from "./patience.js";

const folder = mkdtempSync(path.join(tmpdir(), "caduceus-hostile-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mostMs = 60_000 * patience;
const mostDelayMs = 3_000 * patience;
const mostBytes = 1.5e9 * patience;

interface Told {
  readonly loaded?: true;
  readonly first?: string;
  readonly text?: string;
  readonly code?: string;
  readonly name?: string;
  readonly message?: string;
  readonly ms: number;
  readonly longestDelayMs: number;
  readonly peakBytes: number;
}

/** Rejects where the process crashed, or had to be ended. */
function use(file: string, options: object = {}, abortAfterMs?: number): Promise<Told> {
  const program = fileURLToPath(new URL("./programs/use_file.mjs", import.meta.url));
  const child = spawn(
    process.execPath,
    [program, file, ...(abortAfterMs === undefined ? [] : [String(abortAfterMs)])],
    { timeout: mostMs, killSignal: "SIGKILL" },
  );
  child.stdin.end(JSON.stringify(options));
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((resolve, reject) =>
    child.on("close", (code, signal) => {
      if (code !== 0) return reject(new Error(`The process ended with ${signal ?? code}. ${stderr}`));
      const told = JSON.parse(stdout) as Told;
      expect(told.longestDelayMs).toBeLessThan(mostDelayMs);
      expect(told.peakBytes).toBeLessThan(mostBytes);
      resolve(told);
    }),
  );
}

const model = await hermesModel();
const markup = (count: number, length: number) =>
  Array.from({ length: count }, (_, n) => `<${String(n).padEnd(length - 2, "m")}>`);
/** The first of many tokens that no text needs. */
const spare = 20_000;

type Row = [what: string, change: (file: GgufFile) => unknown, refusal: RegExp | undefined, options?: object];
const rows: Row[] = [
  ["weights of 32-bit integers", (file) => file.storeAs("output.weight", 26, 4), /stored as i32/],
  ["weights of doubles", (file) => file.storeAs("blk.0.attn_q.weight", 28, 8), /stored as f64/],
  [
    "weights of Q8_1, which holds activations only",
    (file) => file.storeAs("token_embd.weight", 9, 36 / 32),
    /stored as q8_1/,
  ],
  ["a norm of 16-bit floats", (file) => file.storeAs("output_norm.weight", 1, 2), /stored as f16/],
  [
    "RWKV's tokenizer without its vocabulary",
    (file) => file.set("tokenizer.ggml.model", raw.text("rwkv")),
    /no token for some bytes/,
  ],
  [
    "a pre-tokenizer that ends the process at two spaces",
    (file) => file.set("tokenizer.ggml.model", raw.text("gpt2")).set("tokenizer.ggml.pre", raw.text("whitespace")),
    /the pre-tokenizer whitespace/,
  ],
  ...["gpt2", "bert", "t5", "plamo2", "gemma4", "none", "no_vocab", "test", "", "x".repeat(100_000)].map(
    (name): Row => [
      `the tokenizer ${name.slice(0, 20)}`,
      (file) => file.set("tokenizer.ggml.model", raw.text(name)),
      /MODEL_INVALID|loads/,
    ],
  ),
  [
    "no token for a byte that texts have",
    (file) =>
      file.set(
        "tokenizer.ggml.tokens",
        raw.texts(
          file
            .texts("tokenizer.ggml.tokens")
            .map((text) => (text === "<0x61>" || text === "a" ? `${text}-gone` : text)),
        ),
      ),
    /MODEL_INVALID|loads/,
  ],
  [
    "a unigram vocabulary without an unknown token",
    (file) =>
      file.set("tokenizer.ggml.model", raw.text("t5")).set("tokenizer.ggml.unknown_token_id", raw.u32(0xffffffff)),
    /MODEL_INVALID|loads/,
  ],
  ...[-1, Number.NaN, Infinity].map(
    (value): Row => [
      `an epsilon of ${value}`,
      (file) => file.set("llama.attention.layer_norm_rms_epsilon", raw.f32(value)),
      /epsilon' is/,
    ],
  ),
  ["markup of 3,000 bytes", (file) => file.withMarkup(markup(1, 3_000), spare), undefined],
  ["markup of 20,000 bytes", (file) => file.withMarkup(markup(1, 20_000), spare), /20000 bytes/],
  ["5,000 pieces of markup", (file) => file.withMarkup(markup(5_000, 16), spare), undefined],
  ["30,000 keys", (file) => addKeys(file, 30_000), /keys in its header/],
  ["4,000 keys", (file) => addKeys(file, 4_000), undefined],
  [
    "20,000 tensors",
    (file) =>
      file.tensors.push(
        ...Array.from({ length: 20_000 }, (_, n) => ({
          name: `t${n}`,
          dimensions: [1],
          type: 0,
          data: Buffer.alloc(4),
        })),
      ),
    /20013 tensors|tensors/,
  ],
  [
    "10,000 tensors that no model has",
    (file) =>
      file.tensors.push(
        ...Array.from({ length: 10_000 }, (_, n) => ({
          name: `t${n}`,
          dimensions: [1],
          type: 0,
          data: Buffer.alloc(4),
        })),
      ),
    /tensors/,
  ],
  [
    "a chat template of 2 MB",
    (file) => file.set("tokenizer.chat_template", raw.text("{{x}}".repeat(400_000))),
    /chat template/,
  ],
  [
    "penalties that look at 2,147,483,647 tokens",
    (file) =>
      file
        .set("general.sampling.penalty_last_n", raw.i32(0x7fffffff))
        .set("general.sampling.penalty_repeat", raw.f32(1.1)),
    undefined,
  ],
  [
    "a model that is fine, asked for penalties that look at 2,147,483,647 tokens",
    () => {},
    undefined,
    { reply: { repeatPenalty: 1.1, penaltyLastN: 0x7fffffff } },
  ],
];

function addKeys(file: GgufFile, count: number): void {
  for (let n = 0; n < count; n++) file.metadata.push([`general.more.${n}`, raw.u32(n)]);
}

describe("a file with", () => {
  test.each<Row>(rows)("%s", async (_, change, refusal, options = {}) => {
    const file = GgufFile.read(model);
    change(file);
    const told = await use(file.write(path.join(folder, "model.gguf")), options);
    if (refusal?.source === "MODEL_INVALID|loads")
      return expect(told.loaded ?? told.code).toSatisfy((outcome) => outcome === true || outcome === "MODEL_INVALID");
    if (refusal === undefined) return expect(told).toMatchObject({ loaded: true, text: expect.any(String) });
    expect(told).toMatchObject({ code: "MODEL_INVALID", message: expect.stringMatching(refusal) });
  });

  test("no token for a byte loses the texts that need it, and no others", async () => {
    const file = GgufFile.read(model);
    file.set(
      "tokenizer.ggml.tokens",
      raw.texts(file.texts("tokenizer.ggml.tokens").map((text) => (text === "<0xF0>" ? "gone" : text))),
    );
    expect(await use(file.write(path.join(folder, "model.gguf")), { first: "\u{1F99C}" })).toMatchObject({
      first: "MODEL_INVALID",
      text: expect.any(String),
    });
  });

  test("a second part that cannot be computed", async () => {
    const file = GgufFile.read(model).storeAs("output.weight", 26, 4);
    const half = file.tensors.length >> 1;
    file
      .set("split.no", raw.u16(0))
      .set("split.count", raw.u16(2))
      .set("split.tensors.count", raw.i32(file.tensors.length));
    const first = file.write(path.join(folder, "split-00001-of-00002.gguf"), file.tensors.slice(0, half));
    const second = new GgufFile();
    second
      .set("split.no", raw.u16(1))
      .set("split.count", raw.u16(2))
      .set("split.tensors.count", raw.i32(file.tensors.length));
    second.write(path.join(folder, "split-00002-of-00002.gguf"), file.tensors.slice(half));
    expect(await use(first)).toMatchObject({
      code: "MODEL_INVALID",
      message: expect.stringMatching(/00002-of-00002\.gguf cannot be computed.*stored as i32/),
    });
  });

  test("a check that takes long ends soon after it is cancelled", async () => {
    const file = GgufFile.read(model).withMarkup(markup(10_000, 16), spare);
    addKeys(file, 4_000);
    expect(await use(file.write(path.join(folder, "slow.gguf")), {}, 30)).toMatchObject({ name: "TimeoutError" });
  });
});

describe.skipIf(process.platform === "win32")("what is no file", () => {
  const pipe = (file: string) => void execFileSync("mkfifo", [file]);
  test.each<[string, (file: string) => void]>([
    ["a pipe", pipe],
    ["a device", (file) => symlinkSync("/dev/zero", file)],
    ["a link to itself", (file) => symlinkSync(file, file)],
  ])("%s is no model", async (what, make) => {
    const file = path.join(folder, `${what}.gguf`);
    make(file);
    expect(await use(file)).toMatchObject({ code: "MODEL_INVALID" });
  });

  test.each<[string, (file: string) => void]>([
    ["a pipe", pipe],
    ["a device", (file) => symlinkSync("/dev/zero", file)],
    ["other bytes", (file) => writeFileSync(file, "x".repeat(10_000))],
  ])("%s in the place of a kept prefix holds nothing up", async (what, make) => {
    const prefixFolder = path.join(folder, what);
    const asked = {
      contextSize: 1024,
      prefixFolder,
      prompt: "RetryPolicy is a virtue. ".repeat(60),
      reply: { keepPrefix: true, temperature: 0 },
    };
    const first = await use(model, asked);
    const kept = await readdir(prefixFolder);
    expect(kept).toHaveLength(1);
    for (const name of kept) {
      await rm(path.join(prefixFolder, name));
      make(path.join(prefixFolder, name));
    }
    expect(await use(model, asked)).toMatchObject({ text: first.text });
  });
});

describe("sampling", () => {
  test("that bans all tokens is told so", async () => {
    const logitBias = Array.from({ length: 32_032 }, (_, token) => [token, -1e308]);
    expect(await use(model, { reply: { logitBias } })).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("Invalid value for logitBias: what makes every token impossible"),
    });
  });

  test.each<[string, number[]]>([
    ["repeatPenalty", [1e-320, 1e308]],
    ["frequencyPenalty", [1e308, -1e308]],
    ["presencePenalty", [1e308, -1e308]],
  ])("with a %s beyond sense gives a text or its name, and no other error", async (name, values) => {
    for (const value of values) {
      const told = await use(model, { reply: { penaltyLastN: -1, [name]: value } });
      if (told.code !== undefined)
        expect(told).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(name) });
      else expect(told.text).toEqual(expect.any(String));
    }
  });
});
