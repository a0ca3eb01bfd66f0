// What the command line keeps between chats, and keeps away from terminals.
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExitCode, Interrupted, reportFailure } from "../../../src/cli/exit_codes.js";
import { historySize, readHistory, stateFolder, writeHistory } from "../../../src/cli/chat/history.js";
import { addModelFlags, loadOptions, replyOptions, type ModelFlags } from "../../../src/cli/flags/model_flags.js";
import { drawBar } from "../../../src/cli/output/progress_bar.js";
import { withoutControls } from "../../../src/cli/output/terminal.js";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-history-"))));
afterAll(() => rm(folder, { recursive: true }));

test("history comes back as it was written, newest first and no longer than its limit", async () => {
  const lines = Array.from({ length: historySize + 50 }, (_, index) => `question ${index} ü`);
  writeHistory(lines, path.join(folder, "deep", "er"));
  expect(await readHistory(path.join(folder, "deep", "er"))).toEqual(lines.slice(0, historySize));
  expect((await stat(path.join(folder, "deep", "er", "history"))).mode & 0o777).toBe(0o600);
});

test("history that cannot be read or written is no failure", async () => {
  expect(await readHistory(path.join(folder, "missing"))).toEqual([]);
  writeHistory(["x"], path.join(folder, "deep", "er", "history", "below a file"));
  expect(await readFile(path.join(folder, "deep", "er", "history"), "utf8")).toContain("question 0");
  await chmod(folder, 0o700);
});

test("of long questions as many come back as fit into one MiB, the newest", async () => {
  const lines = Array.from({ length: 20 }, (_, index) => `${index} ${"é".repeat(50_000)}`);
  writeHistory(lines, path.join(folder, "long"));
  expect(await readHistory(path.join(folder, "long"))).toEqual(lines.slice(0, 10));
});

test.skipIf(process.platform === "win32")(
  "a pipe in the place of the history is neither waited for nor harmed",
  async () => {
    const piped = path.join(folder, "piped");
    await mkdir(piped);
    execFileSync("mkfifo", [path.join(piped, "history")]);
    expect(await readHistory(piped)).toEqual([]);
    writeHistory(["x"], piped);
    expect((await stat(path.join(piped, "history"))).isFIFO()).toBe(true);
  },
);

test.each([
  ["linux", { XDG_STATE_HOME: "/x" }, "/x/caduceus"],
  ["linux", { XDG_STATE_HOME: "relative", HOME: "/h" }, /\.local\/state\/caduceus$/],
  ["darwin", {}, /Library\/Application Support\/caduceus$/],
  ["linux", { CADUCEUS_STATE: "/moved", XDG_STATE_HOME: "/x" }, "/moved"],
] as const)("on %s with %o the state folder is %s", (platform, environment, expected) => {
  expect(stateFolder(environment, platform)).toEqual(
    typeof expected === "string" ? expected : expect.stringMatching(expected),
  );
});

test("flags reach the options that they are named for", () => {
  const flags = addModelFlags(new Command())
    .parse(
      [
        "-n",
        "5",
        "--temp",
        "0",
        "--top-k",
        "1",
        "--top-p",
        ".5",
        "--min-p",
        "0",
        "--repeat-penalty",
        "1.1",
        "--seed",
        "9",
        "--stop",
        "a",
        "--stop",
        "b",
        "--reasoning",
        "40",
        "-c",
        "64",
        "--kv-type",
        "q8_0",
        "-t",
        "1",
        "--gpu-layers",
        "2",
        "--draft-model",
        "small.gguf",
      ],
      { from: "user" },
    )
    .opts<ModelFlags>();
  expect(loadOptions(flags)).toEqual({
    contextSize: 64,
    kvType: "q8_0",
    threads: 1,
    gpuLayers: 2,
    draftModel: "small.gguf",
  });
  expect(replyOptions(flags)).toEqual({
    maxTokens: 5,
    temperature: 0,
    topK: 1,
    topP: 0.5,
    minP: 0,
    repeatPenalty: 1.1,
    seed: 9,
    stop: ["a", "b"],
    reasoning: { maxTokens: 40 },
  });
  expect(replyOptions(addModelFlags(new Command()).parse([], { from: "user" }).opts<ModelFlags>())).toEqual({});
});

test("escape sequences that a model writes never reach a terminal, text and newlines do", () => {
  expect(withoutControls("a\u001b[31mb\u0007\u009b2J\r\n\tü🌍\u0000")).toBe("a[31mb2J\n\tü🌍");
});

test("an interruption and a closed pipe end quietly", () => {
  expect(reportFailure(new Interrupted())).toBe(ExitCode.interrupted);
  expect(reportFailure(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }))).toBe(ExitCode.ok);
});

test.each([
  [{ fraction: 0.5 }, undefined, 79, "hermes-2-pro  [############............]  50 %"],
  [
    { fraction: 0.5, receivedBytes: 2 ** 31, totalBytes: 2 ** 32 },
    2 ** 24,
    79,
    "hermes-2-pro  [#######.......]  50 %  2.00 GiB of 4.00 GiB  16 MiB/s  2 min 8 s",
  ],
  [{ fraction: 1, receivedBytes: 500, totalBytes: 500 }, undefined, 41, "hermes-…  [######]  100 %  500 B of 500 B"],
])("a bar of %o at %s a second fits into %i columns", (progress, rate, columns, expected) => {
  const drawn = drawBar("hermes-2-pro", progress, rate, columns);
  expect(drawn.length).toBeLessThanOrEqual(columns);
  expect(drawn).toBe(expected);
});
