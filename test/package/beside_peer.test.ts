// Fear: another llama.cpp in the same process, whose functions and libraries have the same names.
import { expect, test } from "vitest";
import { installed, model, runIn } from "./world.js";

const peer = new URL("../../bench/peers/node_modules/node-llama-cpp/dist/index.js", import.meta.url).href;

async function texts(how: string, ...names: string[]): Promise<Record<string, string>> {
  const { code, signal, stdout, stderr } = await runIn(
    await installed(),
    process.execPath,
    ["beside_peer.mjs", model, how, ...names],
    { env: { PEER: peer } },
  );
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
