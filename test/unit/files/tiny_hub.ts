// A hub on this machine with one model, and a cache folder of the test's own: what the tests of downloads share.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { FakeHub } from "../../support/fake_hub.js";

export const repository = "owner/tiny-GGUF";
export const fileName = "tiny.Q4_K_M.gguf";
export const name = `hf:${repository}:q4_k_m`;
export const size = 300_000;

export let folder: string;
export let models: string;
export let file: string;
export let hub: FakeHub;
export let content: Buffer;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-hub-"));
  models = path.join(folder, "cache", "models", "owner--tiny-GGUF");
  file = path.join(models, fileName);
  hub = await FakeHub.start();
  content = hub.offer(repository, fileName, size);
  vi.stubEnv("CADUCEUS_CACHE", path.join(folder, "cache"));
  for (const unset of [
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HUB_OFFLINE",
  ])
    vi.stubEnv(unset, "");
  vi.stubEnv("HF_HOME", path.join(folder, "hf"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "0.3");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

/** The hub has another file under this name from now on. */
export function offerAnew(): void {
  content = hub.offer(repository, fileName, size);
}

export const files = async () => (await readdir(models).catch(() => [])).sort();
export const isThere = async () => expect((await readFile(file)).equals(content)).toBe(true);
export const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable("It succeeded."),
    (error: unknown) => error as Error & { code?: string },
  );
/** How the parts were asked for. */
export const ranges = () => hub.storageRequests.map(({ range }) => range);

/** For `vi.mock`: the waits between attempts, twenty times as short. */
export const quickTimers = (timers: typeof import("node:timers/promises")) => ({
  ...timers,
  setTimeout: (ms: number, ...rest: []) => timers.setTimeout(ms / 20, ...rest),
});
