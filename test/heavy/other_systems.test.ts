// Fear: what was built here for another system runs on none. The packed package on Node with musl, and on Node for
// arm64 in QEMU, as other processors have it: with all that QEMU knows, and with what the first of them had.
// CADUCEUS_PACKAGE is what `npm pack` made, CADUCEUS_OTHER_NODES are the command lines of both.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fetchDefaultModel } from "../../src/files/index.js";
import { run } from "../process/run_program.js";
import { installPackage } from "./install_package.js";

const nodes = JSON.parse(process.env["CADUCEUS_OTHER_NODES"] ?? "{}") as Record<string, string[]>;
const folder = mkdtempSync(path.join(tmpdir(), "caduceus-other-systems-"));
const program = `
import { readFileSync } from "node:fs";
import { load } from "caduceus";
const model = await load(process.argv[2], { contextSize: 1024, prefixFolder: false });
const { text } = await model.reply("Why is the sky blue?", { temperature: 0, maxTokens: 20 });
const schema = { type: "object", properties: { color: { enum: ["red", "blue"] }, big: { type: "boolean" } }, required: ["color", "big"], additionalProperties: false };
const { value } = await model.reply("What is the sky like?", { schema });
const failure = await model.reply("word ".repeat(900), { signal: AbortSignal.timeout(20) }).then(() => "none", (error) => error.name);
const { matrixKernels } = model.info;
await model.close();
const kinds = new Set(readFileSync("/proc/self/maps", "utf8").match(/ggml-cpu-[\\w.]+?(?=-\\d)/g));
console.log(JSON.stringify({ text, value, failure, arch: process.arch, kinds: [...kinds], matrixKernels }));
`;

beforeAll(() => {
  installPackage(folder);
  writeFileSync(path.join(folder, "program.mjs"), program);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  // Musl unloads nothing, so that all that were tried are there.
  ["musl", "x64", { LIBC: "musl" }, undefined, /^Caduceus AVX/],
  ["arm64", "arm64", { QEMU_CPU: "max" }, /^ggml-cpu-armv(8|9)\.\d_[2-9]$/, /^Caduceus NEON/],
  ["arm64", "arm64", { QEMU_CPU: "cortex-a53" }, /^ggml-cpu-armv8\.0_1$/, /^ggml$/],
])(
  "%s (%s, %o): the package generates with its own kernels if it has some, keeps to a schema and gives up a prompt",
  async (name, arch, env, kind, kernels) => {
    const [command = "", ...args] = nodes[name] ?? [];
    const { code, stdout, stderr } = await run(command, [...args, "program.mjs", await fetchDefaultModel()], {
      cwd: folder,
      env: { ...env, CADUCEUS_PREBUILD: undefined },
      timeoutMs: 1_500_000,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const answer = JSON.parse(stdout) as {
      text: string;
      value: unknown;
      failure: string;
      arch: string;
      kinds: string[];
    };
    expect(answer).toMatchObject({
      arch,
      failure: "TimeoutError",
      matrixKernels: expect.stringMatching(kernels),
      text: expect.stringMatching(/blue|light|scatter/),
      value: { color: expect.stringMatching(/^(red|blue)$/), big: expect.any(Boolean) },
    });
    // Of its modules, the one for this processor.
    if (kind !== undefined) expect(answer.kinds).toEqual([expect.stringMatching(kind)]);
  },
  1_600_000,
);
