// Fear: a hub behind a proxy cannot be reached, and nobody says that Node passes by the proxy.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { resolveModel } from "../../../src/files/index.js";
import { FakeHub } from "../../support/fake_hub.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-proxy-"));
  for (const name of [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NODE_USE_ENV_PROXY",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HF_HUB_CACHE",
  ])
    vi.stubEnv(name, undefined);
  vi.stubEnv("CADUCEUS_CACHE", folder);
  vi.stubEnv("HF_HOME", folder);
  // Nobody listens there any more.
  const hub = await FakeHub.start();
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  await hub.close();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

test("the proxy of the hub's scheme is named where it is not heeded, after the mirror", async () => {
  const message = () =>
    resolveModel("hf:owner/tiny-GGUF:q4_k_m").then(
      () => expect.unreachable("It succeeded."),
      (error: Error) => error.message,
    );
  const mirror = /cannot be reached \(ECONNREFUSED\)\. Check the network, or set HF_ENDPOINT to a mirror\./;
  const isNamed = async () => {
    const said = await message();
    expect(said).toMatch(mirror);
    return said.includes("use the proxy of HTTP_PROXY if NODE_USE_ENV_PROXY=1 is set.");
  };
  // Of the other scheme's.
  vi.stubEnv("HTTPS_PROXY", "http://127.0.0.1:9");
  expect(await isNamed()).toBe(false);
  vi.stubEnv("HTTP_PROXY", "http://127.0.0.1:9");
  expect(await isNamed()).toBe(true);
  vi.stubEnv("NODE_USE_ENV_PROXY", "1");
  expect(await isNamed()).toBe(false);
});
