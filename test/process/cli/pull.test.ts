// Pulling, listing and removing as people and scripts do it: in processes that are killed, interrupted, and started
// twice.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeHub } from "../../support/fake_hub.js";
import { hermesModel } from "../../support/models.js";
import { cli, program, run, runNode } from "../run_program.js";

const repository = "owner/tiny-GGUF";
const fileName = "tiny.Q4_K_M.gguf";
const name = `hf:${repository}:q4_k_m`;
const size = 2_000_000;
let folder: string;
let models: string;
let file: string;
let hub: FakeHub;
let content: Buffer;
let env: Record<string, string | undefined>;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-pull-"));
  models = path.join(folder, "models", "owner--tiny-GGUF");
  file = path.join(models, fileName);
  hub = await FakeHub.start();
  content = hub.offer(repository, fileName, size);
  env = {
    CADUCEUS_CACHE: folder,
    HF_HOME: path.join(folder, "hf"),
    HF_ENDPOINT: hub.endpoint,
    HF_TOKEN: undefined,
    HF_HUB_CACHE: undefined,
    HUGGINGFACE_HUB_CACHE: undefined,
  };
});

afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

const caduceus = (...args: string[]) => runNode(cli, args, { env });
const files = async () => (await readdir(models).catch(() => [])).sort();
const isThere = async () => expect((await readFile(file)).equals(content)).toBe(true);

/** Starts a pull that is slow, and ends it with the signal when some of it is there. */
async function endInTheMiddle(
  signal: NodeJS.Signals,
): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  hub.misbehaviors.push({ kind: "slow", bytesPerChunk: 100_000, pauseMs: 50 });
  const child = spawn(process.execPath, [cli, "pull", name], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const end = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on("close", (code, by) => resolve({ code, signal: by })),
  );
  await expect
    .poll(async () => (await stat(`${file}.part`).catch(() => undefined))?.size ?? 0, { interval: 5 })
    .toBeGreaterThan(200_000);
  child.kill(signal);
  return { ...(await end), stderr };
}

test("a pull killed in the middle leaves no model, and the next goes on from its bytes", async () => {
  expect(await endInTheMiddle("SIGKILL")).toMatchObject({ signal: "SIGKILL" });
  // Nobody could tidy up: the lock is there too, and is taken over.
  expect(await files()).toEqual([`${fileName}.lock`, `${fileName}.part`, `${fileName}.part.json`]);
  expect(JSON.parse((await caduceus("list", "--json")).stdout)).toMatchObject([{ state: "partial" }]);
  expect((await caduceus("run", "-m", `${file}.part`, "x")).stderr).toContain("is an incomplete download");
  const { code, stdout } = await caduceus("pull", name);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${file}\n` });
  await isThere();
  expect(Number(/^bytes=(\d+)-$/.exec(hub.storageRequests[1]!.range!)![1])).toBeGreaterThan(200_000);
  expect(await files()).toEqual([fileName, `${fileName}.verified`]);
});

test("Ctrl-C ends a pull at once with exit code 130 and without a word, and keeps its bytes", async () => {
  expect(await endInTheMiddle("SIGINT")).toEqual({ code: 130, signal: null, stderr: "" });
  expect(await files()).toEqual([`${fileName}.part`, `${fileName}.part.json`]);
  expect((await caduceus("pull", name)).code).toBe(0);
  expect(hub.storageRequests[1]!.range).toMatch(/^bytes=\d+-$/);
  await isThere();
});

test("three pulls at once fetch it once, and all of them have it", async () => {
  hub.misbehaviors.push({ kind: "slow", bytesPerChunk: 400_000, pauseMs: 100 });
  const outcomes = await Promise.all([1, 2, 3].map(() => caduceus("pull", "--json", name)));
  for (const { code, stdout } of outcomes)
    expect({ code, pulled: JSON.parse(stdout) }).toEqual({ code: 0, pulled: { path: file } });
  expect(hub.storageRequests).toHaveLength(1);
  await isThere();
  expect(await files()).toEqual([fileName, `${fileName}.verified`]);
});

test("list shows it by a name that remove takes", async () => {
  expect(await caduceus("list")).toMatchObject({
    code: 0,
    stdout: "",
    stderr: expect.stringContaining("caduceus pull"),
  });
  await caduceus("pull", name);
  const { stdout } = await caduceus("list");
  expect(stdout).toMatch(/^NAME +SIZE +QUANTIZATION\nhf:owner\/tiny-GGUF:Q4_K_M +2 MiB +Q4_K_M\n$/);
  expect(await caduceus("remove", "hf:owner/tiny-GGUF:Q4_K_M")).toMatchObject({
    code: 0,
    stdout: "",
    stderr: expect.stringContaining(file),
  });
  expect(await files()).toEqual([]);
  expect(await caduceus("remove", name)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^caduceus: There is no model .*\(MODEL_NOT_FOUND\)\n$/),
  });
});

test("what is wrong is one line with its code and exit code 1", async () => {
  hub.gated.set(repository, "hf_secret");
  expect(await caduceus("pull", name)).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^caduceus: [^\n]*HF_TOKEN\. \(ACCESS_DENIED\)\n$/),
  });
  expect(await caduceus("pull", "hf:owner")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("hf:owner/repository"),
  });
});

test("a terminal sees a bar with bytes and speed, and nothing of it stays", async () => {
  hub.misbehaviors.push({ kind: "slow", bytesPerChunk: 100_000, pauseMs: 60 });
  const steps = [{ expect: "] " }, { expect: " of 2 MiB" }, { expect: "/s  " }, { expect: "there and verified" }];
  const outcome = await run("python3", [program("terminal.py"), process.execPath, cli, "pull", name], {
    input: steps.map((step) => JSON.stringify(step)).join("\n"),
    env: { ...env, TERM: "xterm-256color" },
  });
  const { shown, code, problem } = JSON.parse(outcome.stdout) as {
    shown: string;
    code: number;
    problem: string | null;
  };
  expect({ code, problem }).toEqual({ code: 0, problem: null });
  expect(shown).toContain("[###");
});

test("doctor says with its exit code whether something is wrong, and what helps", async () => {
  const healthy = await caduceus("doctor");
  expect(healthy).toMatchObject({ code: 0, stderr: "" });
  for (const subject of ["Node", "Processor", "Addon", "Memory", "Model folder", "Hub"])
    expect(healthy.stdout).toMatch(new RegExp(`^ok +${subject}: `, "m"));
  env["CADUCEUS_PREBUILD"] = folder;
  const broken = await caduceus("doctor", "--json", name);
  expect(broken).toMatchObject({ code: 1, stderr: "" });
  const { isHealthy, findings } = JSON.parse(broken.stdout) as {
    isHealthy: boolean;
    findings: { subject: string; state: string; remedy?: string }[];
  };
  expect(isHealthy).toBe(false);
  expect(findings.filter(({ state }) => state === "problem").map(({ subject }) => subject)).toEqual([
    "Addon",
    `Model ${name}`,
  ]);
  expect(findings.find(({ subject }) => subject === "Addon")!.remedy).toContain("npm rebuild caduceus");
});

test("inspect prints what a model is, as a table and as JSON, and says in one line when it is none", async () => {
  const model = await hermesModel();
  const { code, stdout } = await caduceus("inspect", model);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Architecture +llama, 2 layers of width 128, /m);
  expect(JSON.parse((await caduceus("inspect", "--json", "-c", "512", model)).stdout)).toMatchObject({
    path: model,
    vocabularySize: 32032,
    memory: { contextSize: 512, cacheTokens: 1024 },
  });
  expect(await caduceus("inspect", name)).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^caduceus: \S+ [^\n]+ \(MODEL_INVALID\)\n$/),
  });
});
