// examples/coding-agent: its files, and sessions of a person at a real terminal.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { atTerminal, ctrlC, ctrlD, type Step } from "../process/cli/chat_at_terminal.js";
import { example } from "../process/run_program.js";
import { call } from "../server/clients/answering.js";

interface Workspace {
  list(): Promise<string[]>;
  read(name: string): Promise<string>;
  write(name: string, text: string): Promise<void>;
  replace(name: string, find: string, replacement: string): Promise<void>;
  search(text: string, most: number): Promise<string[]>;
}
const { Workspace } = (await import(example("coding-agent/workspace.mjs"))) as {
  Workspace: new (root: string) => Workspace;
};

let world: string;
let folder: string;
beforeEach(async () => {
  world = await realpath(await mkdtemp(path.join(tmpdir(), "caduceus-agent-")));
  folder = path.join(world, "project");
  await mkdir(path.join(folder, "src"), { recursive: true });
  await mkdir(path.join(folder, ".git"));
  await mkdir(path.join(world, "outside"));
  await writeFile(path.join(world, "outside", "secret.txt"), "secret");
  await writeFile(path.join(folder, "src", "add.mjs"), "export const add = (a, b) => a - b;\n");
  await writeFile(path.join(folder, ".git", "config"), "[core]\n");
});
afterEach(() => rm(world, { recursive: true }));
const inFolder = (name: string) => path.join(folder, name);

describe("a workspace", () => {
  test("lists, reads, searches, writes and replaces the files of its folder", async () => {
    const workspace = new Workspace(folder);
    await workspace.write("docs/new/a.md", "one\ntwo $& one\n");
    expect(await workspace.list()).toEqual(["docs/new/a.md", "src/add.mjs"]);
    expect(await workspace.search("two", 9)).toEqual(["docs/new/a.md:2: two $& one"]);
    await expect(workspace.replace("docs/new/a.md", "one", "three")).rejects.toThrow("occurs 2 times");
    await workspace.replace("docs/new/a.md", "two", "$&$'");
    expect(await workspace.read("docs/new/a.md")).toBe("one\n$&$' $& one\n");
  });

  test("nothing outside of it can be read or written: by dots, absolute paths, and links to files, folders and nothing", async () => {
    const workspace = new Workspace(folder);
    await symlink("../outside", inFolder("linked"));
    await symlink("../outside/secret.txt", inFolder("secret.txt"));
    await symlink("../outside/new.txt", inFolder("new.txt"));
    await symlink("src", inFolder("alias"));
    for (const name of [
      "../outside/secret.txt",
      "src/../../outside/secret.txt",
      path.join(world, "outside/secret.txt"),
      "linked/secret.txt",
      "secret.txt",
      "linked/deep/new.txt",
      "new.txt",
      ".git/config",
      "src/../.GIT/hooks/pre-commit",
      "src",
    ]) {
      await expect(workspace.read(name), name).rejects.toThrow();
      await expect(workspace.write(name, "changed"), name).rejects.toThrow();
    }
    expect(await readFile(path.join(world, "outside/secret.txt"), "utf8")).toBe("secret");
    expect(
      ["outside/new.txt", "outside/deep", "project/.GIT"].filter((name) => existsSync(path.join(world, name))),
    ).toEqual([]);
    expect(await readFile(inFolder(".git/config"), "utf8")).toBe("[core]\n");
    expect((await workspace.list()).filter((name) => /linked|secret|new/.test(name))).toEqual([]);
    // A link that stays inside is followed.
    expect(await workspace.read("alias/add.mjs")).toContain("a - b");
  });

  test("large and binary files and pipes are refused", async () => {
    const workspace = new Workspace(folder);
    await writeFile(inFolder("large.txt"), "x".repeat(300_000));
    await writeFile(inFolder("binary"), "a\0b");
    execFileSync("mkfifo", [inFolder("pipe")]);
    for (const name of ["large.txt", "binary", "pipe"]) await expect(workspace.read(name)).rejects.toThrow(name);
    await expect(workspace.write("pipe", "x")).rejects.toThrow("pipe");
  });
});

describe("a session at a terminal", () => {
  const prompt = "> ";
  const session = async (lines: readonly string[], steps: readonly Step[], testCommand: readonly string[] = []) => {
    const file = path.join(world, "lines.json");
    await writeFile(file, JSON.stringify(lines));
    const program = fileURLToPath(new URL("speaking_session.mjs", import.meta.url));
    return atTerminal([{ expect: prompt }, ...steps], [process.execPath, program, folder, file, ...testCommand], {});
  };

  test("a change is shown and made once it is allowed, and the tests are run without a shell", async () => {
    const edit = { file: "src/add.mjs", find: "a - b", replacement: "a + b\u001b[2K" };
    const lines = [
      call("read_file", { file: "src/add.mjs" }),
      call("edit_file", edit),
      call("run_tests", {}),
      "It adds.",
    ];
    const { code, problem, shown } = await session(
      lines,
      [
        { send: "Fix add.\r" },
        // What would erase the line is shown as what it is.
        { expect: "- a - b\r\n+ a + b\ufffd[2K\r\n" },
        { expect: "Allow it?" },
        { send: "y\r" },
        { expect: "Run " },
        { send: "y\r" },
        { expect: "It adds." },
        { expect: prompt },
        { send: ctrlD },
      ],
      [process.execPath, "-e", "console.log('$(touch hacked)'); process.exit(3)", "; touch hacked"],
    );
    expect({ code, problem }, shown).toEqual({ code: 0, problem: null });
    expect(await readFile(inFolder("src/add.mjs"), "utf8")).toContain("a + b");
    expect(existsSync(inFolder("hacked"))).toBe(false);
  });

  test("what is not allowed, or lies outside, is not done, and the model is told why", async () => {
    const lines = [
      call("write_file", { file: "../outside/secret.txt", text: "mine" }),
      call("write_file", { file: "src/add.mjs", text: "gone" }),
      "All right.",
    ];
    const { code, problem, shown } = await session(lines, [
      { send: "Write.\r" },
      { expect: "outside of the folder" },
      { expect: "Write src/add.mjs, over its 2 lines:" },
      { send: "Leave it as it is\r" },
      { expect: "The user says: Leave it as it is" },
      { expect: "All right." },
      { expect: prompt },
      { send: ctrlD },
    ]);
    expect({ code, problem }, shown).toEqual({ code: 0, problem: null });
    expect(await readFile(inFolder("src/add.mjs"), "utf8")).toContain("a - b");
    expect(await readFile(path.join(world, "outside/secret.txt"), "utf8")).toBe("secret");
  });

  test("Ctrl-C stops a reply, a question and the tests with all that they started, and twice ends", async () => {
    const sleeper = `require("child_process").spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)", "${world}"], { stdio: "inherit" })`;
    const lines = [call("run_tests", {}), call("write_file", { file: "a.txt", text: "a" })];
    const { code, problem, shown } = await session(
      lines,
      [
        { send: "Test.\r" },
        { expect: "Allow it?" },
        { send: "y\r" },
        { send: ctrlC },
        { expect: "(Stopped." },
        { expect: prompt },
        { send: "Write.\r" },
        { expect: "Allow it?" },
        { send: ctrlC },
        { expect: "(Stopped." },
        { expect: prompt },
        { send: "Talk.\r" },
        { expect: "Talk." },
        { expect: " " }, // between two words of the answer
        { send: ctrlC },
        { expect: "(Stopped." },
        { expect: prompt },
        { send: ctrlC },
      ],
      [process.execPath, "-e", sleeper],
    );
    expect({ code, problem }, shown.slice(0, 2_000)).toEqual({ code: 0, problem: null });
    expect(existsSync(inFolder("a.txt"))).toBe(false);
    // What is killed on a busy machine ends when it has its turn.
    await expect
      .poll(() => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }))
      .not.toContain(`setTimeout(() => {}, 60000) ${world}`);
  });
});
