// What Electron asks of the package: Node-API only, native files that can be unpacked, and an example whose parts fit
// together.
import { cp, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { renameNeeded } from "./elf.js";
import { addonOf, installed, installedCopy, model, remove, runIn } from "./world.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const example = path.join(root, "examples/electron");
const threeTokens = { code: 0, signal: null, stdout: "3\n", stderr: "" };
const { foreignSymbols } = (await import(
  new URL("../../scripts/package/check_binaries.mjs", import.meta.url).href
)) as { foreignSymbols(file: string): Promise<string[]> };

test.runIf(process.platform === "linux")("the addon asks its runtime for Node-API and nothing else", async () => {
  expect(await foreignSymbols(addonOf(await installed()))).toEqual([]);
});

test.runIf(process.platform === "linux")("the check of symbols sees one that is no function of Node-API", async () => {
  const folder = await installedCopy();
  const name = "napi_create_function";
  const other = "_ZN2v88Context3NewEv";
  await renameNeeded(addonOf(folder), name, other);
  expect(await foreignSymbols(addonOf(folder))).toEqual([other]);
  await remove(folder);
});

test("what the example unpacks are all native files of the package, and they load from beside app.asar", async () => {
  const folder = await installedCopy();
  const settings = JSON.parse(await readFile(path.join(example, "package.json"), "utf8")) as {
    build: { asarUnpack: string[] };
    config: { forge: { packagerConfig: { asar: { unpack: string } } } };
  };
  const pattern = "**/*.{node,so,dylib,dll}";
  expect([settings.build.asarUnpack, settings.config.forge.packagerConfig.asar.unpack]).toEqual([[pattern], pattern]);
  // As a packager does it: what fits the pattern is beside the archive, and the archive still lists it.
  const [archive, beside] = [path.join(folder, "app.asar"), path.join(folder, "app.asar.unpacked")];
  await mkdir(archive);
  await rename(path.join(folder, "node_modules"), path.join(archive, "node_modules"));
  await cp(path.join(folder, "three_tokens.mjs"), path.join(archive, "three_tokens.mjs"));
  const native = (await readdir(archive, { recursive: true })).filter((name) => /\.(node|so|dylib|dll)$/.test(name));
  expect(native.length).toBeGreaterThan(0);
  for (const name of native) {
    await mkdir(path.dirname(path.join(beside, name)), { recursive: true });
    await rename(path.join(archive, name), path.join(beside, name));
    await writeFile(path.join(archive, name), "nothing native can be loaded from here");
  }
  expect(await runIn(folder, process.execPath, ["app.asar/three_tokens.mjs", model])).toMatchObject(threeTokens);
  await remove(folder);
});

test("the example streams to its page, stops there, and closes the model when it quits", async () => {
  const folder = await installedCopy();
  await cp(example, folder, { recursive: true });
  const electron = path.join(folder, "node_modules/electron");
  await mkdir(electron);
  await rename(path.join(folder, "electron.mjs"), path.join(electron, "electron.mjs"));
  await writeFile(
    path.join(electron, "package.json"),
    '{ "name": "electron", "type": "module", "exports": "./electron.mjs" }',
  );
  await writeFile(
    path.join(electron, "page_program.mjs"),
    `
    export async function asPage({ caduceus }, { app, webContents }) {
      let pieces = 0;
      const stopped = caduceus.ask("Count to a thousand.", () => { if (++pieces === 3) stopped.stop(); });
      console.log(await stopped.finished, pieces >= 3 && pieces < 100);
      let text = "";
      const whole = caduceus.ask("What is the capital of France? One word.", (piece) => (text += piece));
      console.log(["stop", "length"].includes(await whole.finished), text.length > 0);
      console.log(await caduceus.ask(7, () => {}).finished.catch((error) => error.message));
      const abandoned = caduceus.ask("Count to a thousand.", () => webContents.emit("destroyed"));
      console.log(await abandoned.finished);
      app.quit();
    }
  `,
  );
  const outcome = await runIn(folder, process.execPath, ["main.mjs"], { env: { CADUCEUS_MODEL: model } });
  expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
  expect(outcome.stdout.split("\n")).toEqual([
    '{"contextIsolation":true,"sandbox":true,"nodeIntegration":false}',
    "stopped true",
    "true true",
    "Expected a number and a question.",
    "stopped",
    "quit",
    "",
  ]);
  await remove(folder);
});
