// Quantizing as people do it: by the library and by the command, to its end, refused, interrupted and killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectModel, load, quantizeModel, type QuantizeProgress } from "../../../src/index.js";
import { hermesModel, smollm2Model } from "../../support/models.js";
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
