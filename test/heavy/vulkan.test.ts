// The package for Vulkan beside the packed one, on Mesa's software device where there is no GPU: layers go where they
// should, and the text is the processor's. CADUCEUS_PACKAGE and CADUCEUS_VULKAN_PACKAGE are what `npm pack` made.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fetchDefaultModel } from "../../src/files/index.js";
import { run } from "../process/run_program.js";
import { installPackage } from "./install_package.js";

interface Answer {
  readonly text: string;
  readonly gpuLayers: number;
  readonly devices: readonly { readonly name: string; readonly weightsBytes: number; readonly cacheBytes: number }[];
}

const folder = mkdtempSync(path.join(tmpdir(), "caduceus-vulkan-"));
const program = `
import { doctor, load } from "caduceus";
const [model, ...wanted] = JSON.parse(process.argv[2]);
const { findings } = await doctor();
const answers = [];
for (const gpuLayers of wanted) {
  const loaded = await load(model, { gpuLayers, contextSize: 1024, prefixFolder: false });
  const { text } = await loaded.reply("Why is the sky blue?", { temperature: 0, maxTokens: 20 });
  answers.push({ text, gpuLayers: loaded.info.gpuLayers, devices: loaded.info.devices });
  await loaded.close();
}
const cancelled = await load(model, { contextSize: 1024, prefixFolder: false });
const failure = await cancelled.reply("word ".repeat(900), { signal: AbortSignal.timeout(2000) }).then(() => "none", (error) => error.name);
await cancelled.close();
console.log(JSON.stringify({ gpu: findings.find(({ subject }) => subject === "GPU"), answers, failure }));
`;

beforeAll(() => {
  installPackage(folder, process.env["CADUCEUS_VULKAN_PACKAGE"] ?? "");
  writeFileSync(path.join(folder, "program.mjs"), program);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("layers are on the GPU as many as asked for or as fit, the text is the processor's, and a prompt that is read there is given up", async () => {
  const env = { GGML_VK_VISIBLE_DEVICES: process.env["GGML_VK_VISIBLE_DEVICES"] ?? "0", CADUCEUS_PREBUILD: undefined };
  const { code, stdout, stderr } = await run(
    process.execPath,
    ["program.mjs", JSON.stringify([await fetchDefaultModel(), 0, 10, "auto"])],
    { cwd: folder, env, timeoutMs: 900_000 },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { gpu, answers, failure } = JSON.parse(stdout) as {
    gpu: unknown;
    answers: readonly [Answer, Answer, Answer];
    failure: string;
  };
  expect(gpu, "no Vulkan device: install Mesa's software one (Debian's mesa-vulkan-drivers)").toMatchObject({
    state: "ok",
    detail: expect.stringMatching(/^Vulkan0 \(.+\), .* free$/),
  });
  const [none, ten, all] = answers;
  expect(none).toMatchObject({ gpuLayers: 0, devices: [{ name: "CPU" }] });
  expect(ten).toMatchObject({ gpuLayers: 10, devices: [{ name: "CPU" }, { name: "Vulkan0" }] });
  expect(all).toMatchObject({ gpuLayers: 30, devices: [{ name: "CPU", cacheBytes: 0 }, { name: "Vulkan0" }] });
  // The output counts as the tenth: nine layers of thirty hold that share of the cache.
  const [onCpu, onGpu] = ten.devices;
  expect(onGpu!.cacheBytes / (onCpu!.cacheBytes + onGpu!.cacheBytes)).toBeCloseTo(0.3, 5);
  expect(none.text).toMatch(/blue|light|scatter/);
  expect([ten.text, all.text]).toEqual([none.text, none.text]);
  expect(failure).toBe("TimeoutError");
}, 1_000_000);
