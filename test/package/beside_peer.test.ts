// Fear: another llama.cpp in the same process, whose functions and libraries have the same names.
import { fileURLToPath, pathToFileURL } from "node:url";
import path from "node:path";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { installed, model, runIn } from "./world.js";

const peers = fileURLToPath(new URL("../../bench/peers/package.json", import.meta.url));
const peer = pathToFileURL(path.join(path.dirname(createRequire(peers).resolve("node-llama-cpp/package.json")), "dist/index.js")).href;

async function texts(how: string, ...names: string[]): Promise<Record<string, string>> {
  const { code, signal, stdout, stderr } = await runIn(await installed(), process.execPath, ["beside_peer.mjs", model, how, ...names], { env: { PEER: peer } });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  return JSON.parse(stdout) as Record<string, string>;
}

test("beside node-llama-cpp, in both orders and in workers, each writes what it writes alone", async () => {
  const alone = { ...(await texts("together", "caduceus")), ...(await texts("together", "peer")) };
  expect(alone["caduceus"]).toMatch(/\w/);
  expect(alone["peer"]).toMatch(/\w/);
  expect(await texts("together", "caduceus", "peer")).toEqual(alone);
  expect(await texts("together", "peer", "caduceus")).toEqual(alone);
  expect(await texts("workers", "peer", "caduceus")).toEqual(alone);
  expect(await texts("workers", "caduceus", "peer")).toEqual(alone);
});
