// `caduceus serve` as an operator uses it: where it says what, and how it ends.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hermesModel } from "../support/models.js";
import { cli, runNode, type RunOptions } from "./run_program.js";

const caduceus = (args: string[], options?: RunOptions) => runNode(cli, ["serve", ...args], options);
const small = ["-c", "2048", "--port", "0"];
const config = (text: string) => {
  const file = path.join(folder, "config.json");
  writeFileSync(file, text);
  return file;
};
/** None outlives a test that fails. */
const children: ChildProcess[] = [];
let folder: string;
let hermes: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-serve-"));
  hermes = await hermesModel();
  await mkdir(path.join(folder, "empty"));
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

/** Runs until it is ready, and tells where. */
async function serve(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [cli, "serve", ...small, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 110_000,
    killSignal: "SIGKILL",
  });
  children.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  const exit = once(child, "close") as Promise<[number | null, string | null]>;
  await new Promise<void>((resolve) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
      if (output.stderr.includes("Ready.\n")) resolve();
    });
    child.once("close", () => resolve());
  });
  const url = /http:\/\/\S+(?=, models)/.exec(output.stderr)?.[0] ?? output.stderr;
  return {
    child,
    output,
    url,
    exit,
    client: (apiKey = "none") => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 }),
  };
}

const ask = (model: string, max_tokens: number) => ({
  model,
  messages: [{ role: "user" as const, content: "Hi" }],
  max_tokens,
  logit_bias: { 2: -100, 32000: -100 },
});

test("serves what it is given under the names it is given, to those who have a key, and says where on standard error alone", async () => {
  const keys = path.join(folder, "keys.txt");
  await writeFile(keys, "# ours\nsk-file\n\n");
  const server = await serve(["-m", `tiny=${hermes}`, "-m", hermes, "--api-key", "sk-flag", "--api-key-file", keys], {
    CADUCEUS_API_KEYS: "sk-environment",
  });
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const named = path.basename(hermes, ".gguf");
  for (const key of ["sk-flag", "sk-file", "sk-environment"]) {
    const names = [];
    for await (const { id } of server.client(key).models.list()) names.push(id);
    expect(names).toEqual(["tiny", named]);
  }
  await expect(server.client("# ours").models.list()).rejects.toThrow(OpenAI.AuthenticationError);
  expect((await fetch(`${server.url}/`)).status).toBe(200);
  expect((await server.client("sk-flag").chat.completions.create(ask(named, 3))).usage!.completion_tokens).toBe(3);
  server.child.kill("SIGTERM");
  expect(await server.exit).toEqual([0, null]);
  expect(server.output.stdout).toBe("");
  expect(server.output.stderr).toMatch(/^Listening on .*, models: tiny, .*\.\nReady\.\nEnding\.\n$/);
});

test("a single model is loaded before the server says that it is ready, and all are where that is asked for", async () => {
  for (const [args, loading] of [
    [["-m", `tiny=${hermes}`], "tiny"],
    [["-m", `tiny=${hermes}`, "-m", `other=${hermes}`, "--load-on-startup"], "tiny, other"],
  ] as const) {
    const server = await serve([...args]);
    const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { status: object }[] };
    expect(data.map(({ status }) => status)).toEqual(data.map(() => ({ value: "loaded" })));
    server.child.kill("SIGTERM");
    expect(await server.exit).toEqual([0, null]);
    expect(server.output.stderr).toMatch(new RegExp(`^Loading ${loading}\\.\\nListening`));
  }
});

test("models of a folder and of a file are served by their names with options of their own, and what is broken is named", async () => {
  const dir = path.join(folder, "models");
  const below = path.join(dir, "below");
  await mkdir(below, { recursive: true });
  for (const name of ["one.gguf", "below/two-Q8_0.gguf", "below/mmproj-two.gguf"])
    await symlink(hermes, path.join(dir, name));
  await writeFile(path.join(dir, "broken.gguf"), "no model");
  await writeFile(path.join(dir, "part-00002-of-00002.gguf"), "no model either");
  const config = path.join(folder, "config.mjs");
  await writeFile(
    config,
    `export default {
      // Paths are relative to this file.
      models: { "my model": { model: "models/one.gguf", contextSize: 512, keepAliveMs: 1 }, plain: "./models/one.gguf" },
      maxModels: 9,
    };`,
  );
  const server = await serve(["--models-dir", dir, "--config", config, "--keep-alive", "1h", "--max-memory", "2G"]);
  const client = server.client();
  const names = [];
  for await (const { id } of client.models.list()) names.push(id);
  expect(names).toEqual(["two-Q8_0", "broken", "one", "my model", "plain"]);
  for (const model of ["two-Q8_0", "my model", "plain"])
    expect((await client.chat.completions.create(ask(model, 3))).usage!.completion_tokens).toBe(3);
  const stats = async () => (await (await fetch(`${server.url}/stats`)).json()) as { models: Record<string, any> };
  expect((await stats()).models).toMatchObject({ "two-Q8_0": { context_size: 2048 }, plain: { context_size: 2048 } });
  await expect(client.chat.completions.create(ask("broken", 3))).rejects.toMatchObject({
    status: 503,
    code: "model_unavailable",
  });
  await expect.poll(async () => (await stats()).models["my model"].state).toBe("unloaded");
  // Read in the background, loaded or not.
  const sizes = async () =>
    ((await (await fetch(`${server.url}/api/tags`)).json()) as { models: { size: number }[] }).models;
  await expect
    .poll(async () => (await sizes()).map(({ size }) => size > 1_000_000))
    .toEqual([true, false, true, true, true]);
  expect((await stats()).models["plain"].state).toBe("loaded");
  server.child.kill("SIGTERM");
  expect(await server.exit).toEqual([0, null]);
  expect(server.output.stderr).toMatch(/broken.*not a GGUF|broken.*GGUF/);
});

test("SIGTERM during a load ends it, with exit code 0", async () => {
  const server = await serve(["-m", `a=${hermes}`, "-m", `b=${hermes}`, "--grace", "0"]);
  const asked = server
    .client()
    .chat.completions.create(ask("a", 2000))
    .catch((error: unknown) => error);
  await expect
    .poll(async () => JSON.stringify(await (await fetch(`${server.url}/stats`)).json()), { interval: 1 })
    .toMatch(/"(loading|loaded)"/);
  server.child.kill("SIGTERM");
  expect(await server.exit).toEqual([0, null]);
  expect(await asked).toBeInstanceOf(OpenAI.APIError);
});

test("SIGTERM lets a stream come to its end and refuses new connections", async () => {
  const server = await serve(["-m", `tiny=${hermes}`, "--no-page"]);
  expect((await fetch(`${server.url}/`)).status).toBe(404);
  const stream = await server
    .client()
    .chat.completions.create({ ...ask("tiny", 600), stream: true, stream_options: { include_usage: true } });
  let usage;
  let count = 0;
  for await (const chunk of stream) {
    if (++count === 3) server.child.kill("SIGTERM");
    usage = chunk.usage;
  }
  expect(usage!.completion_tokens).toBe(600);
  expect(await server.exit).toEqual([0, null]);
  await expect(fetch(`${server.url}/health`)).rejects.toThrow();
});

test("after the grace time what is left is cancelled, and Ctrl-C ends with exit code 130", async () => {
  const server = await serve(["-m", `tiny=${hermes}`, "--grace", "0.1"]);
  const stream = await server.client().chat.completions.create({ ...ask("tiny", 2000), n: 8, stream: true });
  let count = 0;
  await expect(
    (async () => {
      for await (const _chunk of stream) if (++count === 3) server.child.kill("SIGINT");
    })(),
  ).rejects.toMatchObject({ code: "shutting_down" });
  expect(await server.exit).toEqual([130, null]);
});

test.each([
  ["SIGINT", "SIGINT", 130],
  ["SIGTERM", "SIGINT", 130],
  ["SIGINT", "SIGTERM", 143],
  ["SIGTERM", "SIGTERM", 143],
] as const)("after %s a %s leaves at once, with exit code %i", async (first, second, code) => {
  const server = await serve(["-m", `tiny=${hermes}`, "--grace", "100"]);
  const stream = await server.client().chat.completions.create({ ...ask("tiny", 2000), n: 8, stream: true });
  stream.controller.signal.addEventListener("abort", () => {});
  server.child.kill(first);
  await expect.poll(() => server.output.stderr).toContain("Ending.");
  server.child.kill(second);
  expect(await server.exit).toEqual([code, null]);
  stream.controller.abort();
});

test.each([
  ["two models of one name", () => ["-m", `x=${hermes}`, "-m", "x=smollm2"], 2, "x is there twice"],
  ["a model without a path", () => ["-m", "x="], 2, 'Invalid value for -m/--model: "x=". Expected NAME=PATH.'],
  [
    "a folder that is none",
    () => ["--models-dir", "/nowhere"],
    2,
    "Expected a folder for --models-dir but /nowhere is none.",
  ],
  ["a folder without models", () => ["--models-dir", path.join(folder, "empty")], 2, "but there are none"],
  ["a missing file of models", () => ["--config", "/nowhere.json"], 2, "There is no file /nowhere.json."],
  ["a file of models that is no JSON", () => ["--config", config("{")], 2, "is not JSON"],
  ["a file without an object", () => ["--config", config("[]")], 2, "Expected an object in"],
  [
    "a wrong option in a file of models",
    () => ["--config", config('{"models": {"a": {"model": "smollm2", "contextSize": -5}}}')],
    2,
    "config.json: Invalid value for models.a.contextSize: -5. Expected a whole number of at least 8.",
  ],
  [
    "a misspelled option in a file of models",
    () => ["--config", config('{"models": {"a": {"model": "smollm2", "contextsize": 5}}}')],
    2,
    'config.json: Unknown option of models.a: "contextsize". Did you mean contextSize?',
  ],
  [
    "a file of models with a path that leads nowhere",
    () => ["--config", config('{"models": {"a": "./no.gguf", "b": "smollm2"}}')],
    1,
    "MODEL_NOT_FOUND",
  ],
  [
    "a model of a file that a flag names too",
    () => ["-m", `a=${hermes}`, "--config", config('{"models": {"a": "smollm2"}}')],
    2,
    "a is there twice",
  ],
  [
    "a wrong flag for all of several models",
    () => ["-m", `a=${hermes}`, "-m", `b=${hermes}`, "--kv-type", "f15"],
    2,
    "Invalid value for --kv-type",
  ],
  ["a keep-alive that is no duration", () => ["--keep-alive", "5 minutes"], 2, "--keep-alive"],
  [
    "a single model that needs more than the memory it may have",
    () => ["--port", "0", "-m", `tiny=${hermes}`, "--max-memory", "1M"],
    1,
    "OUT_OF_MEMORY",
  ],
  ["a key file without keys", () => ["--api-key-file", "/dev/null"], 2, "there is none"],
  ["a missing key file", () => ["--api-key-file", "/nowhere"], 2, "There is no file /nowhere."],
  ["a port out of range", () => ["--port", "70000"], 2, "port"],
  ["an empty host", () => ["--host", ""], 2, "address"],
  ["an origin that is none", () => ["--cors-origin", "x.example"], 2, "--cors-origin"],
  ["a host with a path", () => ["--allowed-host", "https://x.example"], 2, "--allowed-host"],
  ["a queue of none", () => ["--max-queue", "0"], 2, "at least 1"],
  ["a missing model", () => ["--port", "0", "-m", "/nowhere.gguf"], 1, "MODEL_NOT_FOUND"],
  [
    "a missing model beside one that takes a while",
    () => ["--port", "0", "-m", "smollm2", "-m", "/nowhere.gguf"],
    1,
    "MODEL_NOT_FOUND",
  ],
])("%s ends it with one sentence", async (_, args, code, words) => {
  const outcome = await caduceus(args());
  expect(outcome).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(words) });
  expect(outcome.stderr).not.toMatch(/^\s+at /m);
});

test.each([{ adapters: [{ path: "no.gguf" }] }, { draftModel: "./no.gguf" }])(
  "a path in a file of models is relative to that file: %j",
  async (options) => {
    const outcome = await caduceus([
      "--port",
      "0",
      "--config",
      config(JSON.stringify({ models: { a: { model: hermes, ...options } } })),
    ]);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(path.join(folder, "no.gguf")) });
  },
);

test("a port that is taken is named", async () => {
  const server = await serve(["-m", `tiny=${hermes}`]);
  const outcome = await caduceus(["-m", `tiny=${hermes}`, "--port", new URL(server.url).port]);
  expect(outcome).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(
      /^caduceus: The server cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE.* Give another --port\.\n$/,
    ),
  });
  server.child.kill("SIGTERM");
  await server.exit;
});
