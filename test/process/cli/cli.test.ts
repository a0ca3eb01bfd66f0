// The command line as scripts use it: what goes to which stream, and which exit code comes back.
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cli, run, runNode, type RunOptions } from "../run_program.js";

const caduceus = (args: string[], options?: RunOptions) => runNode(cli, args, options);
const fixed = ["--temp", "0", "-n", "8"];
let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-cli-"))));
afterAll(() => rm(folder, { recursive: true }));

describe("run", () => {
  test("takes the same prompt as an argument, from a file and from standard input, and prints the answer alone", async () => {
    const file = path.join(folder, "prompt.txt");
    await writeFile(file, "Why is the sky blue?\n");
    // One after the other: several models at once fight for the cores.
    const outcomes = [
      await caduceus(["run", ...fixed, "Why is the sky blue?"]),
      await caduceus(["run", ...fixed, "Why", "is", "the", "sky", "blue?"]),
      await caduceus(["run", ...fixed, "--file", file]),
      await caduceus(["run", ...fixed], { input: "Why is the sky blue?\n" }),
      await caduceus(["run", ...fixed, "-"], { input: "Why is the sky blue?" }),
    ];
    for (const { code, stdout, stderr } of outcomes)
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: outcomes[0]!.stdout, stderr: "" });
    expect(outcomes[0]!.stdout).toMatch(/^\S.+\n$/);
  });

  test("--json prints one object and nothing else", async () => {
    const { code, stdout, stderr } = await caduceus(["run", "--json", ...fixed, "Hi"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      model: expect.any(String),
      text: expect.any(String),
      finishReason: "length",
      usage: { generatedTokens: 8 },
      timings: { firstTokenMs: expect.any(Number) },
    });
  });

  test("a seed gives the same answer twice, and a system message another one", async () => {
    const args = ["run", "--seed", "5", "-n", "12", "Tell me something."];
    const first = await caduceus(args);
    const second = await caduceus(args);
    const other = await caduceus(["run", "-s", "You are a pirate. Arr!", ...args.slice(1)]);
    expect(first.stdout).toBe(second.stdout);
    expect(other.stdout).not.toBe(first.stdout);
  });

  test.each([
    ["no prompt at all", ["run"], "Expected a prompt but standard input is empty."],
    ["a blank prompt", ["run", "  "], "Expected a prompt but it is empty."],
    ["an unknown flag", ["run", "--tempp", "1", "x"], "Did you mean --temp?"],
    ["a flag that is no number", ["run", "--temp", "warm", "x"], "Expected a number."],
    [
      "a value out of range",
      ["run", "--top-p", "2", "x"],
      "Invalid value for --top-p: 2. Expected a number from 0 to 1. (INVALID_ARGUMENT)",
    ],
    [
      "a context beyond the model's training",
      ["run", "-c", "9000", "x"],
      "Expected at most 8192, the length this model was trained for.",
    ],
    ["a missing prompt file", ["run", "-f", "/nowhere/at/all"], "There is no file /nowhere/at/all."],
    ["an unknown command", ["rnu"], "Did you mean run?"],
    ["help of an unknown command", ["help", "rnu"], "Did you mean run?"],
    ["no command", [], "Usage: caduceus"],
  ])("%s is wrong usage: exit code 2, nothing on standard output", async (_, args, words) => {
    const { code, stdout, stderr } = await caduceus(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("a missing model is a failure: exit code 1, one line that says so", async () => {
    expect(await caduceus(["run", "-m", "/nowhere.gguf", "x"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "caduceus: There is no model file /nowhere.gguf. (MODEL_NOT_FOUND)\n",
    });
  });

  test.skipIf(process.platform === "win32")(
    "a model file without permission to read is not called missing",
    async () => {
      const file = path.join(folder, "locked.gguf");
      await writeFile(file, "GGUF");
      await chmod(file, 0o000);
      await chmod(folder, 0o755);
      // Root may read everything: another user asks, with what root has loaded.
      const program = `const { load } = await import(${JSON.stringify(new URL("../../../dist/index.js", import.meta.url).href)});
      if (process.getuid() === 0) process.setuid(65534);
      await load(${JSON.stringify(file)}).catch(({ code, message }) => console.log(code, message));`;
      const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program]);
      expect(stdout).toBe(
        `MODEL_INVALID The model file ${file} cannot be read: this user has no permission (EACCES). Its owner can give the permission with chmod a+r.\n`,
      );
    },
  );

  test("a prompt that does not fit says by how much", async () => {
    const { code, stderr } = await caduceus(["run", "-c", "64"], { input: "word ".repeat(200) });
    expect(code).toBe(1);
    expect(stderr).toMatch(/context holds 64 .*shorten it by \d+.* \(CONTEXT_FULL\)\n$/);
  });

  test("a reader that has seen enough ends it quietly", async () => {
    const { code, stdout, stderr } = await run("sh", [
      "-c",
      `"$0" "$1" run -n 400 "Tell a long story." | head -c 5; echo`,
      process.execPath,
      cli,
    ]);
    expect({ code, stderr, length: stdout.length }).toEqual({ code: 0, stderr: "", length: 6 });
  });

  test("SIGINT ends it with exit code 130", async () => {
    const { code, signal, stderr } = await caduceus(["run", "Tell a very long story."], {
      onOutput: (_, kill) => kill("SIGINT"),
    });
    expect({ code, signal, stderr }).toEqual({ code: 130, signal: null, stderr: "" });
  });
});

describe("chat without a terminal", () => {
  test("answers the piped prompt and exits 0", async () => {
    const { code, stdout, stderr } = await caduceus(["chat", ...fixed], { input: "Why is the sky blue?\n" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^\S.+\n$/);
  });

  test("answers a question and does not wait for standard input", async () => {
    const { code, stdout } = await caduceus(["chat", "-n", "8", "Hello", "there"], { keepsInputOpen: true });
    expect(code).toBe(0);
    expect(stdout).not.toBe("");
  });

  test("with nothing to answer it says so and exits 0", async () => {
    expect(await caduceus(["chat"])).toMatchObject({ code: 0, stdout: "", stderr: "Nothing was asked.\n" });
  });
});

test("help goes to standard output with exit code 0, and names the exit codes and examples", async () => {
  for (const args of [
    ["--help"],
    ...["run", "chat", "explain", "pull", "list", "remove", "inspect", "doctor", "bench"].map((command) => [
      command,
      "--help",
    ]),
  ]) {
    const { code, stdout, stderr } = await caduceus(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.");
    expect(stdout).toContain("Examples:");
  }
});
