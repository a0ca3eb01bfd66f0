// Model files by their names: the quantization that a name tells, the parts of a split model, and which is chosen.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { listFolderModels } from "../../../src/files/local/local_models.js";
import { chooseModel, groupModels, quantizationOf } from "../../../src/files/local/model_files.js";

test.each([
  ["Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf", "Q4_K_M"],
  ["hermes-2-pro-llama-3-8b.q8_0.gguf", "Q8_0"],
  ["Qwen2.5-7B-Instruct-IQ4_XS.gguf", "IQ4_XS"],
  ["gemma-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"],
  ["Q2_K/model-00001-of-00002.gguf", "Q2_K"],
  ["Q2_K/model.Q3_K_L-00001-of-00002.gguf", "Q3_K_L"],
  ["model-f16.gguf", "F16"],
  ["model.fp16.gguf", "F16"],
  ["model.BF16.gguf", "BF16"],
  ["model-Q4_0_4_4.gguf", "Q4_0_4_4"],
  ["gpt-oss-20b-mxfp4.gguf", "MXFP4"],
  ["model.gguf", undefined],
  ["FAQ4_Kids.gguf", undefined],
])("%s is of quantization %s", (file, expected) => {
  expect(quantizationOf(file)).toBe(expected);
});

const models = (...paths: string[]) => groupModels(paths.map((path) => ({ path, size: 1 })));

test("parts of a split model are one model in their order, and one without all parts is none", () => {
  const grouped = models(
    "b-Q8_0-00002-of-00002.gguf",
    "b-Q8_0-00001-of-00002.gguf",
    "c-00001-of-00003.gguf",
    "c-00003-of-00003.gguf",
    "d-00002-of-00001.gguf",
  );
  expect(grouped.map(({ files }) => files.map(({ path }) => path))).toEqual([
    ["b-Q8_0-00001-of-00002.gguf", "b-Q8_0-00002-of-00002.gguf"],
    ["d-00002-of-00001.gguf"],
  ]);
});

test.each([
  ["Q4_K_M where it is", ["a.Q2_K.gguf", "a.Q4_K_M.gguf", "a.Q8_0.gguf"], "a.Q4_K_M.gguf"],
  ["the nearest to it where it is not", ["a.Q2_K.gguf", "a.Q5_K_M.gguf", "a.Q8_0.gguf"], "a.Q5_K_M.gguf"],
  ["the only one, whatever it is called", ["model.gguf", "mmproj-model.gguf"], "model.gguf"],
])("without a quantization it is %s", (_, paths, expected) => {
  expect(chooseModel(models(...paths), {})).toMatchObject({ files: [{ path: expected }] });
});

test("what cannot be decided is said with what there is", () => {
  expect(chooseModel(models("a.gguf", "b.gguf"), {})).toBe("has several models, so one must be named: a.gguf, b.gguf");
  expect(chooseModel([], {})).toBe("has no GGUF models");
});

test("a folder's models have the names of their files, split ones without the part, and of their paths where two are alike", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-folder-"));
  try {
    const files = [
      "a.Q4_K_M.gguf",
      "x/a.Q4_K_M.gguf",
      "x/b-00001-of-00002.gguf",
      "x/b-00002-of-00002.gguf",
      "x/c-00001-of-00002.gguf",
      "mmproj-a.gguf",
      "a-mmproj-f16.gguf",
      "imatrix.gguf",
      "notes.txt",
      "größe 7B.GGUF",
    ];
    await mkdir(path.join(folder, "x"));
    for (const file of files) await writeFile(path.join(folder, file), "x");
    await writeFile(path.join(folder, "empty.gguf"), "");
    expect(await listFolderModels(folder)).toEqual(
      [
        ["a.Q4_K_M", "a.Q4_K_M.gguf"],
        ["größe 7B", "größe 7B.GGUF"],
        ["x/a.Q4_K_M", "x/a.Q4_K_M.gguf"],
        ["b", "x/b-00001-of-00002.gguf"],
      ].map(([name, file]) => ({ name, path: path.join(folder, file!) })),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
