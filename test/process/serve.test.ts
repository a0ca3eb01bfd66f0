// `caduceus serve` as an operator uses it: where it says what, and how it ends.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hermesModel } from "../support/models.js";
import { cli, runNode, type RunOptions } from "./run_program.js";

const caduceus = (args: string[], options?: RunOptions) => runNode(cli, ["serve", ...args], options);
const small = ["-c", "2048", "--port", "0"];
/** None outlives a test that fails. */
const children: ChildProcess[] = [];
let folder: string;
let hermes: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-serve-"));
  hermes = await hermesModel();
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
    timeout: 60_000,
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
  expect(server.output.stderr).toMatch(
    /^Loading tiny, .*\.\nListening on .*, models: tiny, .*\.\nReady\.\nEnding\.\n$/,
  );
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
  setTimeout(() => server.child.kill(second), 200);
  expect(await server.exit).toEqual([code, null]);
  stream.controller.abort();
});

test.each([
  ["two models of one name", () => ["-m", `x=${hermes}`, "-m", "x=smollm2"], 2, "x is there twice"],
  ["a model without a path", () => ["-m", "x="], 2, 'Invalid value for -m/--model: "x=". Expected NAME=PATH.'],
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
