// The package as programs take it: ES modules, CommonJS, bundles that leave it out, and one that wrongly takes it in.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { installed, installedCopy, model, runIn, tool } from "./world.js";

let folder: string;
beforeAll(async () => void (folder = await installed()));

const threeTokens = { code: 0, signal: null, stdout: "3\n", stderr: "" };
const nodeRuns = (file: string, at = folder) => runIn(at, process.execPath, [file, model]);

test("an ES module imports it", async () => {
  expect(await nodeRuns("three_tokens.mjs")).toMatchObject(threeTokens);
});

test("CommonJS requires it and its subpaths, without a warning", async () => {
  expect(await nodeRuns("required.cjs")).toMatchObject({ ...threeTokens, stdout: "3 function function true\n" });
});

const bundle = async (name: string, program: string) => {
  await writeFile(path.join(folder, `${name}.config.mjs`), program);
  const { code, stdout, stderr } = await runIn(folder, process.execPath, [`${name}.config.mjs`]);
  expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
};
const from = (...parts: string[]) => JSON.stringify(pathToFileURL(tool(...parts)).href);

test("a bundle of esbuild that leaves it out runs", async () => {
  await bundle(
    "esbuild",
    `
    import { build } from ${from("esbuild/lib/main.js")};
    await build({ entryPoints: ["three_tokens.mjs"], bundle: true, platform: "node", format: "esm", external: ["caduceus"], outfile: "bundles/esbuild.mjs", logLevel: "error" });
  `,
  );
  expect(await nodeRuns("bundles/esbuild.mjs")).toMatchObject(threeTokens);
});

test("a bundle of esbuild in CommonJS that leaves it out runs", async () => {
  await bundle(
    "esbuild-cjs",
    `
    import { build } from ${from("esbuild/lib/main.js")};
    await build({ entryPoints: ["required.cjs"], bundle: true, platform: "node", format: "cjs", packages: "external", outfile: "bundles/esbuild.cjs", logLevel: "error" });
  `,
  );
  expect(await nodeRuns("bundles/esbuild.cjs")).toMatchObject({ ...threeTokens, stdout: "3 function function true\n" });
});

test("a bundle of webpack that leaves it out runs", async () => {
  await bundle(
    "webpack",
    `
    import webpack from ${from("webpack/lib/index.js")};
    const compiler = webpack({
      mode: "production", target: "node20", entry: "./three_tokens.mjs", experiments: { outputModule: true }, externals: { caduceus: "module caduceus" },
      output: { path: process.cwd() + "/bundles", filename: "webpack.mjs", module: true },
    });
    const stats = await new Promise((resolve, reject) => compiler.run((error, stats) => (error ? reject(error) : resolve(stats))));
    if (stats.hasErrors()) throw new Error(stats.toString());
  `,
  );
  expect(await nodeRuns("bundles/webpack.mjs")).toMatchObject(threeTokens);
});

test("a server-side bundle of Vite leaves it out by itself and runs", async () => {
  await bundle(
    "vite",
    `
    import { build } from ${from("vite/dist/node/index.js")};
    await build({ configFile: false, logLevel: "error", build: { ssr: "three_tokens.mjs", outDir: "bundles/vite" } });
  `,
  );
  expect(await nodeRuns("bundles/vite/three_tokens.js")).toMatchObject(threeTokens);
});

// Fear: the addon's folder is looked for from where the code stands, which a bundler moves.
test("a bundle that takes it in says in a sentence that it must be left out", async () => {
  const copy = await installedCopy();
  await writeFile(
    path.join(copy, "bundle_all.mjs"),
    `
    import { build } from ${from("esbuild/lib/main.js")};
    const banner = { js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);' };
    await build({ entryPoints: ["code_of_failure.mjs"], bundle: true, platform: "node", format: "esm", banner, outfile: "deep/er/bundles/all.mjs", logLevel: "error" });
  `,
  );
  expect(await runIn(copy, process.execPath, ["bundle_all.mjs"])).toMatchObject({ code: 0 });
  const { stdout } = await nodeRuns("deep/er/bundles/all.mjs", copy);
  expect(JSON.parse(stdout)).toEqual([
    "ADDON_NOT_FOUND",
    expect.stringMatching(/bundled into another file.*Mark caduceus as external in your bundler/),
  ]);
});
