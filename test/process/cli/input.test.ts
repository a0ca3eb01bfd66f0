// What comes on standard input, and where output cannot go.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cli, run, runNode, type RunOptions } from "../run_program.js";

const caduceus = (args: string[], options?: RunOptions) => runNode(cli, args, options);
let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-input-"))));
afterAll(() => rm(folder, { recursive: true }));

describe("a prompt and standard input", () => {
  const context = "The word is tulip.\n";
  /** The prompt as the model reads it. */
  const asked = async (args: string[], options: RunOptions) => {
    const { code, stdout, stderr } = await caduceus(["explain", "--json", ...args], options);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const {
      prompts: [prompt],
    } = JSON.parse(stdout) as { prompts: [{ text: string }] };
    return /user\n(.*?)<\|im_end\|>/s.exec(prompt.text)?.[1];
  };

  test.each([
    [
      "what is piped stands behind the prompt, after a blank line and without its mark",
      ["Which word?"],
      `\ufeff${context}`,
      "Which word?\n\nThe word is tulip.",
    ],
    ["-f - is standard input", ["-f", "-", "Which word?"], context, "Which word?\n\nThe word is tulip."],
  ])("%s", async (_, args, input, expected) => {
    expect(await asked(args, { input })).toBe(expected);
  });

  test("-f with a file leaves standard input alone, and so does a schema that comes there", async () => {
    const file = path.join(folder, "notes.txt");
    await writeFile(file, "Notes.\r\n");
    expect(await asked(["-f", file, "Which word?"], { input: context })).toBe("Which word?\n\nNotes.");
    expect(await asked(["--schema", "-", "Which word?"], { input: '{"type": "object"}' })).toMatch(
      /^Which word\?$|Which word\?$/,
    );
  });

  test("a pipe that nobody writes to is told and passed over, a slow one is not", async () => {
    const silent = await caduceus(["run", "-n", "2", "Hi"], { keepsInputOpen: true });
    expect(silent).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Nothing came on standard input within 5 seconds, .* -f - waits for it.*\n$/),
    });
    const child = spawn(process.execPath, [cli, "explain", "Which word?"], { stdio: ["pipe", "pipe", "inherit"] });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    setTimeout(() => child.stdin.write("The word "), 500);
    setTimeout(() => child.stdin.end("is tulip."), 1000);
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
    expect(stdout).toContain("Which word?\n\nThe word is tulip.");
  });

  test("standard input for two things, and UTF-16 there, are wrong usage", async () => {
    expect(await caduceus(["run", "--schema", "-", "-"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: "caduceus: Expected standard input for one thing but it is named for --schema and the prompt.\n",
    });
    const wide = await run("sh", ["-c", `printf '\\377\\376{\\0' | "$0" "$1" run --input -`, process.execPath, cli]);
    expect(wide).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("Expected UTF-8 in standard input but it is UTF-16"),
    });
  });
});

describe.skipIf(!existsSync("/dev/full"))("a full disk", () => {
  const toFull = (args: string, options?: RunOptions) =>
    run("sh", ["-c", `"$0" "$1" ${args} > /dev/full`, process.execPath, cli], options);

  test.each([["--help"], ["run --help"], ["--version"], ["list --json"], ["run -n 4 Hi"]])(
    "%s says so in one sentence and ends with exit code 1",
    async (args) => {
      expect({ ...(await toFull(args)), milliseconds: 0 }).toEqual({
        code: 1,
        signal: null,
        stdout: "",
        stderr: "caduceus: Standard output cannot be written: no space left on device (ENOSPC).\n",
        milliseconds: 0,
      });
    },
  );

  test("--input says so of either output", async () => {
    const options = { input: '{"prompt": "Hi"}\n' };
    expect(await toFull("run -n 2 --input -", options)).toMatchObject({
      code: 1,
      stderr: "caduceus: Standard output cannot be written: no space left on device (ENOSPC).\n",
    });
    expect(await caduceus(["run", "-n", "2", "--input", "-", "--output", "/dev/full"], options)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "caduceus: The answers cannot be written to /dev/full: no space left on device (ENOSPC).\n",
    });
  });

  test("a closed pipe stays quiet, for help as well", async () => {
    const { stdout, stderr } = await run("sh", [
      "-c",
      `{ "$0" "$1" --help; echo "code $?" >&2; } | head -n 1`,
      process.execPath,
      cli,
    ]);
    expect({ stdout, stderr }).toEqual({ stdout: "Usage: caduceus [options] [command]\n", stderr: "code 0\n" });
  });
});
