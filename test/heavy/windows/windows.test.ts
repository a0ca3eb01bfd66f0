// Fear: half of the machines out there run Windows, and what was built for it here has never run. The packed package
// with Windows' Node under Wine. Pipes cannot be written to there, so programs write to files, and nothing that speaks
// through a pipe is shown: `isolate`, `quantize`, MCP servers, standard input.
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchDefaultModel } from "../../../src/files/index.js";
import { hermesModel } from "../../support/models.js";
import { installPackage } from "../install_package.js";

const { node, env } = JSON.parse(process.env["CADUCEUS_WINDOWS_NODE"] ?? "{}") as {
  node: string;
  env: Record<string, string>;
};
// With a space and letters that no code page has all of.
const folder = mkdtempSync(path.join(tmpdir(), "caduceus windows é李-"));
const cli = "node_modules/caduceus/dist/cli/main.js";
/** As Windows sees a file of ours. */
const windowsName = (file: string) => `Z:${file.replaceAll("/", "\\")}`;
const userFolder = path.join(folder, "Jürgen 李", "AppData", "Local");
const modelFolder = path.join(userFolder, "caduceus", "models");
let tiny: string;

beforeAll(async () => {
  installPackage(folder);
  for (const name of readdirSync(new URL("programs", import.meta.url)))
    cpSync(new URL(`programs/${name}`, import.meta.url), path.join(folder, name));
  for (const name of ["endings.mjs", "workers.mjs"])
    cpSync(new URL(`../../process/programs/${name}`, import.meta.url), path.join(folder, name));
  mkdirSync(modelFolder, { recursive: true });
  const model = await fetchDefaultModel();
  cpSync(model, path.join(modelFolder, path.basename(model)));
  tiny = path.join(folder, "tiny.gguf");
  cpSync(await hermesModel(), tiny);
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let runs = 0;

function start(args: readonly string[], more: Record<string, string>, timeoutMs: number) {
  const files = ["stdout", "stderr"].map((name) => path.join(folder, `${name}-${++runs}.txt`)) as [string, string];
  const [stdout, stderr] = files.map((file) => openSync(file, "w")) as [number, number];
  const child = spawn("wine", [node, "-r", "./environment.cjs", ...args], {
    cwd: folder,
    env: {
      ...process.env,
      ...env,
      CADUCEUS_TEST_LOCALAPPDATA: windowsName(userFolder),
      CADUCEUS_TEST_USERPROFILE: windowsName(path.join(folder, "Jürgen 李")),
      CADUCEUS_CACHE: "",
      CADUCEUS_STATE: "",
      CADUCEUS_PREBUILD: "",
      NODE_ENV: "",
      VITEST: "",
      ...more,
    },
    stdio: ["ignore", stdout, stderr],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  closeSync(stdout);
  closeSync(stderr);
  const [out, err] = files.map((file) => () => readFileSync(file, "utf8")) as [() => string, () => string];
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve({ code, stdout: out(), stderr: err() }));
  });
  return { child, ended, out, err };
}

const run = (args: readonly string[], more: Record<string, string> = {}) => start(args, more, 300_000).ended;
const good = { code: 0, stderr: "" };

test("the package loads the best module for the processor that Wine shows, and generates, keeps to a schema, calls a tool and gives up a prompt, with a model from %LOCALAPPDATA%", async () => {
  const { stdout, ...ended } = await run(["answers.mjs"]);
  expect(ended).toEqual(good);
  const answer = JSON.parse(stdout) as { modules: string[]; path: string };
  expect(answer).toMatchObject({
    text: expect.stringMatching(/blue|light|scatter/),
    value: { color: expect.stringMatching(/^(red|blue)$/), big: expect.any(Boolean) },
    asked: { city: expect.stringMatching(/^(Paris|Rome)$/) },
    failure: "TimeoutError",
    path: windowsName(path.join(modelFolder, readdirSync(modelFolder)[0]!)),
  });
  const processor = answer.modules.flatMap((name) => /ggml-cpu-([a-z0-9]+)-/.exec(name)?.[1] ?? []);
  expect(processor).toEqual([bestModule()]);
});

/** By what Linux says of this processor; AMX is left out. */
function bestModule(): string {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))![1]!.trim().split(/\s+/);
  const has = (...names: string[]) => names.every((name) => flags.includes(name));
  if (has("avx512_bf16", "avx512_vnni", "avx512vbmi")) return "zen4";
  if (has("avx512_vnni", "avx512vbmi")) return "icelake";
  if (has("avx512_vnni")) return "cascadelake";
  if (has("avx512f", "avx512vl", "avx512dq", "avx512bw", "avx512cd")) return "skylakex";
  if (has("avx_vnni")) return "alderlake";
  if (has("avx2", "fma", "bmi2")) return "haswell";
  return has("avx") ? "sandybridge" : "sse42";
}

describe("a process that ends in the middle", () => {
  test.each([
    ["exit in decode", 7, ""],
    ["exit in prefill", 7, ""],
    ["return in decode", 0, "begun\n"],
    ["close in decode", 0, "begun\n"],
    ["close in prefill", 0, /MODEL_CLOSED\nbegun\n$/],
  ])("%s: it ends with code %i", async (way, code, said) => {
    const { stdout, ...ended } = await run(["endings.mjs", way, "2", "tiny.gguf"]);
    expect(ended).toEqual({ code, stderr: "" });
    expect(stdout).toEqual(typeof said === "string" ? said : expect.stringMatching(said));
  });
});

test.each(["load", "prefill", "decode"])(
  "worker.terminate() during %s, three times, leaves a process that still loads and answers",
  async (phase) => {
    expect(await run(["workers.mjs", phase])).toEqual({ ...good, stdout: "true\n" });
  },
);

test("models load and prefixes are kept under names with backslashes, with slashes, on a share, longer than 260 characters, and with letters of any language", async () => {
  const long = path.join(folder, ...Array.from({ length: 6 }, (_, n) => `${n}`.repeat(50)));
  const places = { long, letters: path.join(folder, "Модели 模型"), share: path.join(folder, "share") };
  for (const place of Object.values(places)) {
    mkdirSync(place, { recursive: true });
    linkSync(tiny, path.join(place, "tiny.gguf"));
  }
  const shares = path.join(env["WINEPREFIX"]!, "dosdevices", "unc", "server");
  mkdirSync(shares, { recursive: true });
  rmSync(path.join(shares, "share"), { force: true });
  symlinkSync(places.share, path.join(shares, "share"));
  const names = {
    backslashes: windowsName(tiny),
    slashes: `Z:${tiny}`,
    relative: ".\\tiny.gguf",
    share: "\\\\server\\share\\tiny.gguf",
    long: windowsName(path.join(long, "tiny.gguf")),
    letters: windowsName(path.join(places.letters, "tiny.gguf")),
  };
  const { stdout, ...ended } = await run(["paths.mjs", JSON.stringify(names)]);
  expect(ended).toEqual(good);
  expect(JSON.parse(stdout)).toEqual(Object.fromEntries(Object.keys(names).map((name) => [name, 2])));
});

test("a read-only model loads", async () => {
  const file = path.join(folder, "read-only.gguf");
  cpSync(tiny, file);
  chmodSync(file, 0o444);
  expect(await run([cli, "run", "-m", "read-only.gguf", "-n", "2", "one two"])).toMatchObject(good);
});

test("of two processes that take the same lock again and again one has it at a time, and no file of it stays", async () => {
  const rolldown = fileURLToPath(new URL("../../../node_modules/rolldown/bin/cli.mjs", import.meta.url));
  const source = fileURLToPath(new URL("../../../src/files/local/file_lock.ts", import.meta.url));
  const made = ["--file", path.join(folder, "file_lock.mjs"), "--format", "esm", "--platform", "node"];
  execFileSync(process.execPath, [rolldown, source, ...made], { stdio: "ignore" });
  const outcomes = await Promise.all(["one", "two"].map((name) => run(["lock.mjs", "locked.txt", name])));
  for (const outcome of outcomes) expect(outcome).toEqual({ ...good, stdout: "" });
  const lines = readFileSync(path.join(folder, "locked.txt"), "utf8").trim().split("\n");
  expect(lines).toHaveLength(12);
  for (let at = 0; at < lines.length; at += 2) expect(lines[at + 1]).toBe(lines[at]!.replace(" in", " out"));
  expect(readdirSync(folder).filter((name) => name.startsWith("locked.txt"))).toEqual(["locked.txt"]);
});

describe("the command line", () => {
  test("run reads a prompt and tools with the mark and the line ends of Notepad", async () => {
    writeFileSync(path.join(folder, "prompt.txt"), "\ufeffOne.\r\nTwo.\r\n");
    const tools = [{ type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } }];
    writeFileSync(
      path.join(folder, "tools.json"),
      `\ufeff${JSON.stringify(tools, null, 2).replaceAll("\n", "\r\n")}\r\n`,
    );
    const { stdout, ...ended } = await run([
      ...[cli, "run", "--json", "-n", "8", "--temp", "0", "-f", "prompt.txt", "--tools", ".\\tools.json"],
    ]);
    expect(ended).toEqual(good);
    expect(JSON.parse(stdout)).toMatchObject({ usage: { generatedTokens: expect.any(Number) } });
  });

  test("run --input reads lines that end as Windows' do, and goes on in its output", async () => {
    const lines = ["One?", "Two?", "Three?"].map((prompt) => JSON.stringify({ prompt }));
    writeFileSync(path.join(folder, "prompts.jsonl"), `\ufeff${lines.join("\r\n")}\r\n`);
    const batch = [cli, "run", "-m", "tiny.gguf", "-n", "4", "--input", "prompts.jsonl", "--output", "answers.jsonl"];
    expect((await run(batch)).code).toBe(0);
    const answers = readFileSync(path.join(folder, "answers.jsonl"), "utf8");
    expect(answers.trim().split("\n")).toHaveLength(3);
    expect((await run(batch)).code).toBe(0);
    expect(readFileSync(path.join(folder, "answers.jsonl"), "utf8")).toBe(answers);
  });

  test("doctor finds no problem, and says which kernels and which addon there are", async () => {
    const { stdout, ...ended } = await run([cli, "doctor", "tiny.gguf", "--json"]);
    expect(ended).toEqual(good);
    const { findings } = JSON.parse(stdout) as { findings: { subject: string; state: string; detail: string }[] };
    expect(findings.filter(({ state }) => state === "problem")).toEqual([]);
    const detail = (subject: string) => findings.find((finding) => finding.subject === subject)?.detail;
    expect(detail("Node")).toMatch(/ on win32-x64$/);
    expect(findings.map(({ detail }) => detail).join("\n")).toContain("prebuilds\\win32-x64\\caduceus.node");
  });

  test("a name that Windows does not have is an error in one sentence", async () => {
    const { code, stderr } = await run([cli, "run", "-m", "C:\\no\\such|model.gguf", "Hello"]);
    expect({ code, lines: stderr.trim().split(/\r?\n/).length }).toEqual({ code: 1, lines: 1 });
  });
});

test("the server answers on a port, streams, and says what it serves", async () => {
  const server = start([cli, "serve", "-m", "tiny=tiny.gguf", "--port", "0"], {}, 300_000);
  try {
    const ended = server.ended.then(({ stderr }) => Promise.reject(new Error(stderr)));
    const listening = async () => {
      for (;;) {
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(server.err())?.[0];
        if (url !== undefined && server.err().includes("Ready.")) return url;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const url = await Promise.race([listening(), ended]);
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ data: [{ id: "tiny" }] });
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "tiny",
        stream: true,
        max_tokens: 5,
        messages: [{ role: "user", content: "one" }],
      }),
    });
    const text = await answer.text();
    expect(text.match(/^data: \{/gm)!.length).toBeGreaterThan(2);
    expect(text).toContain('"finish_reason":"length"');
    expect(text).toMatch(/data: \[DONE\]\s*$/);
  } finally {
    server.child.kill("SIGKILL");
    await server.ended;
  }
});

test("everything that is shipped for Windows was tried: no file of the package is for another system's library", () => {
  const prebuilds = realpathSync(path.join(folder, "node_modules/caduceus/prebuilds/win32-x64"));
  const names = readdirSync(prebuilds);
  expect(names).toContain("caduceus.node");
  expect(names.filter((name) => !/^caduceus(\.node|-ggml[\w.-]*\.dll)$/.test(name))).toEqual([]);
});
