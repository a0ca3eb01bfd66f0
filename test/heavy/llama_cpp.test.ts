// Against llama.cpp's own programs of the pinned tree: files that it quantizes, and embeddings of its server.
// `npm run test:heavy -- llama_cpp` builds both.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { load, quantizeModel, type EmbedOptions, type QuantizationType } from "../../src/index.js";
import { run } from "../process/run_program.js";
import { bertModel } from "../support/gguf/bert_model.mjs";
import { writeImportanceMatrix } from "../support/gguf/importance_matrix.js";
import { makeModel } from "../support/gguf/make_model.mjs";
import { QUANTIZATIONS } from "../support/gguf/quantization_mix.mjs";
import { readGguf } from "../unit/gguf/read_gguf.js";
import { hermesModel, smollm2Model } from "../support/models.js";

const llamaTool = (name: string) => path.join(process.env["CADUCEUS_LLAMA_TOOLS"]!, name);

let folder: string;
let original: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-llama-cpp-"));
  original = path.join(folder, "f16.gguf");
  await quantizeModel(await smollm2Model(), original, { type: "F16", allowRequantize: true });
});
afterAll(() => rm(folder, { recursive: true }));

test.each<QuantizationType>(["Q4_K_M", "Q8_0", "Q4_0", "Q2_K", "IQ4_XS", "BF16", "COPY"])(
  "a file in %s is what llama-quantize writes, byte for byte",
  async (type) => {
    const [ours, theirs] = ["ours.gguf", "theirs.gguf"].map((name) => path.join(folder, name)) as [string, string];
    await quantizeModel(original, ours, { type, force: true });
    const { code, stderr } = await run(llamaTool("llama-quantize"), [original, theirs, type], {
      timeoutMs: 600_000,
    });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect((await readFile(ours)).equals(await readFile(theirs))).toBe(true);
  },
);

test("with an importance matrix and types for output and embeddings it is that too", async () => {
  const [ours, theirs, matrix] = ["ours.gguf", "theirs.gguf", "matrix.gguf"].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeImportanceMatrix(matrix, original);
  const given = { importanceMatrix: matrix, outputTensorType: "Q6_K", tokenEmbeddingType: "Q8_0" } as const;
  await quantizeModel(original, ours, { type: "IQ3_XXS", ...given, force: true });
  const flags = ["--imatrix", matrix, "--output-tensor-type", "q6_k", "--token-embedding-type", "q8_0"];
  const { code } = await run(llamaTool("llama-quantize"), [...flags, original, theirs, "IQ3_XXS"], {
    timeoutMs: 600_000,
  });
  expect(code).toBe(0);
  expect((await readFile(ours)).equals(await readFile(theirs))).toBe(true);
});

test("generated models of each quantization have the types that llama.cpp chooses for their matrices", async () => {
  const typesOf = async (file: string) =>
    readGguf(await readFile(file))
      .tensors.map(({ name, type }) => `${name} ${type}`)
      .sort();
  const source = path.join(folder, "narrow.gguf");
  makeModel(source, { shape: "narrow", added: "control", quantization: "Q8_0" });
  for (const type of QUANTIZATIONS) {
    const [ours, theirs] = ["made.gguf", "quantized.gguf"].map((name) => path.join(folder, name)) as [string, string];
    makeModel(ours, { shape: "narrow", added: "control", quantization: type });
    await quantizeModel(source, theirs, { type, allowRequantize: true, force: true });
    expect({ type, types: await typesOf(ours) }).toEqual({ type, types: await typesOf(theirs) });
  }
});

const texts = [
  "a",
  "The cat sleeps on the sofa.",
  "Was heißt „Danke“ auf Japanisch? ありがとう 🌊",
  "function add(a, b) {\n  return a + b;\n}\n",
  "word ".repeat(100),
  ...Array.from({ length: 20 }, (_, index) => `text number ${index}, ${"and more ".repeat(index)}`),
];

interface Case {
  readonly model: () => string | Promise<string>;
  readonly pooling: NonNullable<EmbedOptions["pooling"]>;
}
const cases: Record<string, Case> = {
  "BERT, mean": { model: () => bertModel("mean"), pooling: "mean" },
  "BERT, the first token": { model: () => bertModel("cls"), pooling: "cls" },
  "a causal model, mean": { model: () => hermesModel(), pooling: "mean" },
  "a causal model, the last token": { model: () => hermesModel("control", { pooling: 3 }), pooling: "last" },
};

test.each(Object.entries(cases))(
  "each value of an embedding is within 1e-4 of llama-server's, where that computes in single precision: %s",
  async (_, { model, pooling }) => {
    // Where activations are quantized, a last bit may become the next step of 127: that is not what is compared here.
    const file = path.join(folder, "f32.gguf");
    await quantizeModel(await model(), file, { type: "F32", allowRequantize: true, force: true });
    const theirs = await embeddingsOfServer(file, pooling);
    const ours = await load(file);
    const { embeddings } = await ours.embed(texts, { pooling });
    await ours.close();
    for (const [index, vector] of embeddings.entries()) {
      const other = theirs[index]!;
      expect(vector.length).toBe(other.length);
      // Both have length 1.
      const largest = Math.max(...vector.map((value, at) => Math.abs(value - other[at]!)));
      expect(largest, texts[index]!.slice(0, 30)).toBeLessThan(1e-4);
    }
  },
);

async function embeddingsOfServer(model: string, pooling: string): Promise<number[][]> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const args = ["-m", model, "--host", "127.0.0.1", "--port", `${port}`, "--embeddings", "--pooling", pooling];
  // ggml's flash attention adds up in half precision: its own values differ by 2e-4 from these, and with the batch.
  const exact = ["-fa", "off", "-ctk", "f32", "-ctv", "f32"];
  const server = spawn(llamaTool("llama-server"), [...args, "-c", "512", "-ub", "512", "-np", "1", ...exact], {
    stdio: "ignore",
  });
  onTestFinished(() => void server.kill("SIGKILL"));
  const base = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${base}/health`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    expect(server.exitCode).toBeNull();
    await sleep(50);
  }
  const response = await fetch(`${base}/v1/embeddings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: texts }),
  });
  const { data, error } = (await response.json()) as {
    data?: { index: number; embedding: number[] }[];
    error?: unknown;
  };
  expect(error).toBeUndefined();
  if (data === undefined) throw new Error("llama-server gave no embeddings.");
  expect(data).toHaveLength(texts.length);
  return data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => embedding);
}
