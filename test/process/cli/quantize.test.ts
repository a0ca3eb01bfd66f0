// Quantizing as people do it: by the library and by the command, to its end, refused, interrupted and killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectModel, load, quantizeModel, type QuantizeProgress } from "../../../src/index.js";
import { writeImportanceMatrix } from "../../support/gguf/importance_matrix.js";
import { hermesModel, smollm2Model } from "../../support/models.js";
import { readGguf } from "../../unit/gguf/read_gguf.js";
import { cli, runNode } from "../run_program.js";

let folder: string;
/** A model in F16, which the tests start from. */
let original: string;
/** Nothing but what a test makes. */
let out: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-quantize-"));
  original = path.join(folder, "tiny.F16.gguf");
  out = path.join(folder, "out");
  await mkdir(out);
  await quantizeModel(await hermesModel(), original, { type: "F16", allowRequantize: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is there afterwards, removed. */
async function left(): Promise<string[]> {
  const names = await readdir(out);
  for (const name of names) await rm(path.join(out, name), { recursive: true });
  return names.sort();
}

/** The matrices of its layers. */
const weightsOf = (file: string) =>
  readGguf(readFileSync(file)).tensors.filter(
    ({ name, dimensions }) => /^blk\..*\.weight$/.test(name) && dimensions.length > 1,
  );

const inOut = (name: string) => path.join(out, name);

test("the command writes a model that loads and generates, and says where it is", async () => {
  const { code, stdout, stderr } = await runNode(cli, ["quantize", original, inOut("a.gguf"), "q4_k_m"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${inOut("a.gguf")}\n` });
  expect(stderr).toContain("Q4_K_M");
  const { sizeBytes, tensorTypes } = await inspectModel(inOut("a.gguf"));
  expect(sizeBytes).toBeLessThan((await stat(original)).size / 2);
  // Rows of 128 weights are none that a K-quant takes.
  expect(Object.keys(tensorTypes).sort()).toEqual(expect.arrayContaining(["F32", "Q5_0"]));
  const model = await load(inOut("a.gguf"));
  const reply = await model.complete("Hello", { maxTokens: 8, temperature: 0 });
  expect(reply.usage.generatedTokens).toBe(8);
  await model.close();
  expect(await left()).toEqual(["a.gguf"]);
});

test("the library tells how far it is, and --json what was made", async () => {
  const seen: QuantizeProgress[] = [];
  const made = await quantizeModel(original, inOut("a.gguf"), {
    type: "Q8_0",
    threads: 1,
    onProgress: (progress) => seen.push(progress),
  });
  expect(made).toEqual({ path: inOut("a.gguf"), type: "Q8_0", sizeBytes: (await stat(inOut("a.gguf"))).size });
  expect(seen.at(-1)).toEqual({
    stage: "quantize",
    fraction: 1,
    receivedBytes: made.sizeBytes,
    totalBytes: made.sizeBytes,
  });
  const fractions = seen.map(({ fraction }) => fraction);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  const run = await runNode(cli, ["quantize", "--json", original, inOut("b.gguf"), "Q8_0"]);
  expect(JSON.parse(run.stdout)).toEqual({ ...made, path: inOut("b.gguf") });
  expect((await readFile(inOut("a.gguf"))).equals(await readFile(inOut("b.gguf")))).toBe(true);
  await left();
});

describe("an importance matrix", () => {
  const matrix = (name: string) => path.join(folder, name);

  test("makes the smallest types possible, moves the steps to the inputs that count, and is noted in the file", async () => {
    writeImportanceMatrix(matrix("a.imatrix.gguf"), original);
    const made = await quantizeModel(original, inOut("a.gguf"), {
      type: "IQ2_XXS",
      importanceMatrix: matrix("a.imatrix.gguf"),
    });
    expect(made.sizeBytes).toBeLessThan((await stat(original)).size / 2);
    const { metadata } = readGguf(await readFile(inOut("a.gguf")));
    expect(Object.fromEntries([...metadata].filter(([key]) => key.startsWith("quantize.")))).toEqual({
      "quantize.imatrix.file": matrix("a.imatrix.gguf"),
      "quantize.imatrix.dataset": "words.txt",
      "quantize.imatrix.entries_count": weightsOf(original).length,
      "quantize.imatrix.chunks_count": 1,
    });
    const model = await load(inOut("a.gguf"));
    expect((await model.complete("Hello", { maxTokens: 8, temperature: 0 })).usage.generatedTokens).toBe(8);
    await model.close();
    // Other values, other steps.
    const options = ["quantize", "--imatrix", matrix("b.imatrix.gguf"), "--json", original];
    writeImportanceMatrix(matrix("b.imatrix.gguf"), original, {
      change: (_, { sums, count }) => ({ sums: sums.map((sum, index) => (index % 5 === 0 ? sum * 100 : sum)), count }),
    });
    const { code, stdout } = await runNode(cli, [...options, inOut("b.gguf"), "IQ2_XXS"]);
    expect([code, JSON.parse(stdout)]).toEqual([0, { ...made, path: inOut("b.gguf"), sizeBytes: expect.any(Number) }]);
    expect((await readFile(inOut("b.gguf"))).equals(await readFile(inOut("a.gguf")))).toBe(false);
    await left();
  });

  const wrong: Record<string, [write: (file: string) => void, code: string, words: RegExp]> = {
    "of another model": [
      (file) =>
        writeImportanceMatrix(file, original, { change: (_, { count }) => ({ sums: new Float32Array(64), count }) }),
      "UNSUPPORTED",
      /made for another model: it has 64 values for 'blk\.0/,
    ],
    "that lacks a weight": [
      (file) =>
        writeImportanceMatrix(file, original, { change: (name, given) => (/ffn_down/.test(name) ? undefined : given) }),
      "UNSUPPORTED",
      /has no values for 'blk\.\d+\.ffn_down\.weight', which iq2/,
    ],
    "with values that are none": [
      (file) =>
        writeImportanceMatrix(file, original, { change: (_, { sums, count }) => ({ sums: sums.fill(NaN), count }) }),
      "MODEL_INVALID",
      /not all finite/,
    ],
    "with counts that are none": [
      (file) => writeImportanceMatrix(file, original, { change: (_, { sums }) => ({ sums, count: -1 }) }),
      "MODEL_INVALID",
      /a count that is none/,
    ],
    "that does not say what it is": [
      (file) => writeImportanceMatrix(file, original, { isBare: true }),
      "MODEL_INVALID",
      /no importance matrix/,
    ],
    "that is a model": [(file) => writeFileSync(file, readFileSync(original)), "MODEL_INVALID", /no importance matrix/],
    "in llama.cpp's older form": [
      (file) => writeFileSync(file, Buffer.alloc(64, 1)),
      "MODEL_INVALID",
      /not a GGUF file/,
    ],
    "that is cut off": [
      (file) => {
        writeImportanceMatrix(file, original);
        truncateSync(file, readFileSync(file).length / 2);
      },
      "MODEL_INVALID",
      /outside the file|truncated/,
    ],
    "that is not there": [() => {}, "INVALID_ARGUMENT", /where there is nothing/],
  };
  test.each(Object.entries(wrong))("%s is refused before anything is written", async (name, [write, code, words]) => {
    const file = matrix(`${name}.gguf`);
    write(file);
    const quantizing = quantizeModel(original, inOut("a.gguf"), { type: "IQ2_XXS", importanceMatrix: file });
    await expect(quantizing).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
    expect(await left()).toEqual([]);
  });
});

test("output layer and embeddings have the types that are asked for, and those that do not fit are refused", async () => {
  const typeOf = async (name: string) => {
    const types = ["F32", "F16", "Q4_0", "Q4_1", , , "Q5_0", "Q5_1", "Q8_0"];
    const { tensors } = readGguf(await readFile(inOut("a.gguf")));
    return types[tensors.find((tensor) => tensor.name === name)!.type];
  };
  const args = ["--output-tensor-type", "f16", "--token-embedding-type", "q5_0", original, inOut("a.gguf"), "Q4_0"];
  expect((await runNode(cli, ["quantize", ...args])).code).toBe(0);
  expect([await typeOf("output.weight"), await typeOf("token_embd.weight")]).toEqual(["F16", "Q5_0"]);
  await quantizeModel(original, inOut("a.gguf"), { type: "Q4_0", leaveOutputTensor: true, force: true });
  expect([await typeOf("output.weight"), await typeOf("token_embd.weight")]).toEqual(["F16", "Q4_0"]);
  await left();
  const unfit = quantizeModel(original, inOut("a.gguf"), { type: "Q4_0", tokenEmbeddingType: "Q4_K" });
  await expect(unfit).rejects.toMatchObject({ code: "UNSUPPORTED", message: /token_embd.*multiples of 256/ });
  const unknown = await runNode(cli, ["quantize", "--output-tensor-type", "IQ1_S", original, inOut("a.gguf"), "Q4_0"]);
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringMatching(/--output-tensor-type.*Expected one of F32/),
  ]);
  const copy = quantizeModel(original, inOut("a.gguf"), { type: "COPY", outputTensorType: "F16" });
  await expect(copy).rejects.toMatchObject({ code: "INVALID_ARGUMENT", param: "outputTensorType" });
  expect(await left()).toEqual([]);
});

describe("refuses before it writes anything", () => {
  const cases: Record<string, [() => Promise<unknown>, code: string, param: string | undefined, words: RegExp]> = {
    "an unknown type": [
      () => quantizeModel(original, inOut("a.gguf"), { type: "Q4_K_X" as never }),
      "INVALID_ARGUMENT",
      "type",
      /Q4_K_M/,
    ],
    "a model that is quantized already": [
      async () => quantizeModel(await hermesModel(), inOut("a.gguf"), { type: "Q4_0" }),
      "UNSUPPORTED",
      "allowRequantize",
      /quantized already \(q8_0\)/,
    ],
    "a type that needs an importance matrix": [
      () => quantizeModel(original, inOut("a.gguf"), { type: "IQ2_XXS" }),
      "UNSUPPORTED",
      "type",
      /importance matrix/,
    ],
    "a folder that is not there": [
      () => quantizeModel(original, path.join(out, "none", "a.gguf"), { type: "Q4_0" }),
      "INVALID_ARGUMENT",
      "to",
      /a folder that exists/,
    ],
    "a folder in the place of the file": [
      () => quantizeModel(original, out, { type: "Q4_0", force: true }),
      "INVALID_ARGUMENT",
      "to",
      /is a folder/,
    ],
    "the model itself as the new file": [
      () => quantizeModel(original, original, { type: "Q4_0", force: true }),
      "INVALID_ARGUMENT",
      "to",
      /another name/,
    ],
    "a model that is not there": [
      () => quantizeModel(path.join(folder, "none.gguf"), inOut("a.gguf"), { type: "Q4_0" }),
      "MODEL_NOT_FOUND",
      undefined,
      /none\.gguf/,
    ],
    "what is no model": [
      async () => {
        const file = path.join(folder, "text.gguf");
        await writeFile(file, "This is no model.");
        return quantizeModel(file, inOut("a.gguf"), { type: "Q4_0" });
      },
      "MODEL_INVALID",
      undefined,
      /not a GGUF file/,
    ],
    "a model without its end": [
      async () => {
        const file = path.join(folder, "short.gguf");
        await copyFile(original, file);
        await truncate(file, 5_000_000);
        return quantizeModel(file, inOut("a.gguf"), { type: "Q4_0" });
      },
      "MODEL_INVALID",
      undefined,
      /lies outside the file/,
    ],
  };
  test.each(Object.entries(cases))("%s", async (_, [use, code, param, words]) => {
    await expect(use()).rejects.toMatchObject({ code, message: expect.stringMatching(words), ...(param && { param }) });
    expect(await left()).toEqual([]);
  });

  test("a file that is there, unless it may be replaced", async () => {
    await writeFile(inOut("a.gguf"), "mine");
    const refused = await runNode(cli, ["quantize", original, inOut("a.gguf"), "Q4_0"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("already");
    expect(await readFile(inOut("a.gguf"), "utf8")).toBe("mine");
    const replaced = await runNode(cli, ["quantize", "--force", original, inOut("a.gguf"), "Q4_0"]);
    expect(replaced.code).toBe(0);
    expect((await inspectModel(inOut("a.gguf"))).tensorTypes).toHaveProperty("Q4_0");
    expect(await left()).toEqual(["a.gguf"]);
  });
});

test("a file that appears meanwhile is not replaced", async () => {
  const making = quantizeModel(original, inOut("a.gguf"), {
    type: "Q4_0",
    onProgress: ({ fraction }) => {
      if (fraction === 1) writeFileSync(inOut("a.gguf"), "mine");
    },
  });
  await expect(making).rejects.toMatchObject({ code: "INVALID_ARGUMENT", param: "to" });
  expect(await readFile(inOut("a.gguf"), "utf8")).toBe("mine");
  expect(await left()).toEqual(["a.gguf"]);
});

test("weights that are no numbers are the file's fault, and leave nothing", async () => {
  const file = path.join(folder, "nan.gguf");
  const content = await readFile(original);
  // The last weights of the file: an F16 with all bits set is none.
  content.fill(0xff, content.length - 4096);
  await writeFile(file, content);
  await expect(quantizeModel(file, inOut("a.gguf"), { type: "Q4_0" })).rejects.toMatchObject({ code: "MODEL_INVALID" });
  expect(await left()).toEqual([]);
});

describe("in the middle of its work", () => {
  /** Until some of the new file is written. */
  const begun = async () => {
    for (;;) {
      const [name] = await readdir(out);
      if (name !== undefined && (await stat(inOut(name))).size > 1_000_000) return name;
      await sleep(5);
    }
  };
  // Takes some seconds.
  const type = "IQ3_S";
  const start = async () =>
    spawn(process.execPath, [cli, "quantize", "--allow-requantize", await smollm2Model(), inOut("a.gguf"), type], {
      stdio: "ignore",
    });

  test("Ctrl-C ends the command with 130 and leaves nothing", async () => {
    const child = await start();
    expect(await begun()).toMatch(/^a\.gguf\.\w+\.part$/);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
    expect(await left()).toEqual([]);
  });

  test("whatever ends its parent, llama.cpp's process ends too and removes what it wrote", async () => {
    const child = await start();
    await begun();
    child.kill("SIGKILL");
    await once(child, "exit");
    while ((await readdir(out)).length > 0) await sleep(5);
  });

  test("the signal ends the library's with its reason, and so does a progress function that throws", async () => {
    const ending = new AbortController();
    const model = await smollm2Model();
    const making = quantizeModel(model, inOut("a.gguf"), { type, allowRequantize: true, signal: ending.signal });
    const reason = new Error("mine");
    void begun().then(() => ending.abort(reason));
    await expect(making).rejects.toBe(reason);
    expect(await left()).toEqual([]);
    const broken = quantizeModel(model, inOut("a.gguf"), {
      type,
      allowRequantize: true,
      onProgress: () => {
        throw reason;
      },
    });
    await expect(broken).rejects.toBe(reason);
    expect(await left()).toEqual([]);
  });
});
