// Fear: a package that works in the checkout and lacks something where people install it.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { matrixKernels } from "../../src/engine/addon/gpus.js";
import { addonOf, emptyProject, installed, installWith, managerNames, model, runIn } from "./world.js";
import { cp } from "node:fs/promises";

const threeTokens = new URL("programs/three_tokens.mjs", import.meta.url);

test.each(managerNames)(
  "%s installs it into an empty folder without install scripts, and it generates",
  async (manager) => {
    const folder = await emptyProject();
    await cp(threeTokens, path.join(folder, "three_tokens.mjs"));
    const { code, stdout, stderr } = await installWith(manager, folder);
    expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
    expect(await runIn(folder, process.execPath, ["three_tokens.mjs", model])).toMatchObject({
      code: 0,
      stdout: "3\n",
      stderr: "",
    });
  },
);

test("the addon is a prebuilt one, and nothing was compiled or fetched", async () => {
  const folder = await installed();
  expect(path.relative(path.join(folder, "node_modules", "caduceus"), addonOf(folder)).split(path.sep)[0]).toBe(
    "prebuilds",
  );
  expect(await readdir(path.join(folder, "node_modules", "caduceus"))).not.toContain("build");
});

test("the command line is there", async () => {
  const folder = await installed();
  const { version } = JSON.parse(
    await readFile(path.join(folder, "node_modules", "caduceus", "package.json"), "utf8"),
  ) as { version: string };
  expect(await runIn(folder, path.join(folder, "node_modules", ".bin", "caduceus"), ["--version"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(version),
    stderr: "",
  });
});

test("the kernels are those of a build for this very processor", async () => {
  const folder = await installed();
  const { stdout } = await runIn(folder, path.join(folder, "node_modules", ".bin", "caduceus"), ["doctor", "--json"]);
  const { findings } = JSON.parse(stdout) as { findings: { subject: string; detail: string }[] };
  expect(findings.find(({ subject }) => subject === "Kernels")?.detail).toBe(await matrixKernels());
});

test("the command line answers by the package alone", async () => {
  const folder = await installed();
  const { code, stdout } = await runIn(folder, path.join(folder, "node_modules", ".bin", "caduceus"), [
    "run",
    "-m",
    model,
    "--max-tokens",
    "3",
    "Why is the sky blue?",
  ]);
  expect({ code, said: stdout.trim().length > 0 }).toEqual({ code: 0, said: true });
});
