// The parts of the chat that need no model: lines, completion, and people's files.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commands } from "../../../src/cli/chat/commands.js";
import { completeLine } from "../../../src/cli/chat/completion.js";
import { LineJoiner } from "../../../src/cli/chat/line_joiner.js";
import { isFile, saveConversation } from "../../../src/cli/chat/save_conversation.js";
import { withSystem } from "../../../src/cli/request.js";
import {
  hasHandler,
  readConversation,
  readSchema,
  readTools,
  toolDefinition,
  withoutHandlers,
} from "../../../src/cli/user_files.js";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-chat-"))));
afterAll(() => rm(folder, { recursive: true }));
const put = async (name: string, content: string) => {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
};

describe("typed lines", () => {
  const join = (...lines: (string | { pasted: string })[]) => {
    const joiner = new LineJoiner();
    const whole = lines
      .map((line) => (typeof line === "string" ? joiner.add(line, false) : joiner.add(line.pasted, true)))
      .filter((text) => text !== undefined);
    return { whole, isOpen: joiner.isOpen };
  };

  test.each([
    ["one line", ["Hi"], ["Hi"]],
    ["lines that end with a backslash", ["one\\", "two\\", "three", "four"], ["one\ntwo\nthree", "four"]],
    ["a block", ['"""one', "  two\\", '/three"""', "four"], ["one\n  two\\\n/three", "four"]],
    ["a block on lines of its own", ['"""', "one", '"""'], ["\none\n"]],
    ["a block on one line", ['"""one"""'], ["one"]],
    ["a paste", [{ pasted: '"""' }, { pasted: "two\\" }, ""], ['"""\ntwo\\\n']],
    ["a paste that goes on by hand", ["see:\\", { pasted: "a" }, "b and c"], ["see:\na\nb and c"]],
    ["a paste in a block", ['"""', { pasted: 'x"""' }, 'y"""'], ['\nx"""\ny']],
    ["an empty line", [""], [""]],
  ] as const)("%s", (_, lines, expected) => expect(join(...lines)).toEqual({ whole: expected, isOpen: false }));

  test("what is not at its end waits, and can be forgotten", () => {
    const joiner = new LineJoiner();
    expect(joiner.add('"""one', false)).toBeUndefined();
    expect(joiner.isOpen).toBe(true);
    joiner.reset();
    expect(joiner.add("two", false)).toBe("two");
  });
});

describe("the tab key", () => {
  test("completes commands, with room for an argument where one follows", () => {
    expect(completeLine("/fo", [])).toEqual([["/fork ", "/forks"], "/fo"]);
    expect(completeLine("/", [])[0]).toHaveLength(commands.length);
    expect(completeLine("/nonsense", [])[0]).toEqual([]);
  });

  test("completes files of commands that take one, and folders with a slash", async () => {
    await put("with space.json", "");
    await put(".hidden", "");
    await mkdir(path.join(folder, "within"), { recursive: true });
    expect(completeLine(`/load ${folder}/wit`, [])).toEqual([
      [`${folder}/with space.json`, `${folder}/within/`],
      `${folder}/wit`,
    ]);
    expect(completeLine(`/load ${folder}/with s`, [])).toEqual([[`${folder}/with space.json`], `${folder}/with s`]);
    expect(completeLine(`/save ${folder}/.h`, [])[0]).toEqual([`${folder}/.hidden`]);
    expect(completeLine(`/load ${folder}/`, [])[0]).not.toContain(`${folder}/.hidden`);
    expect(completeLine("/load /nowhere/at/all", [])[0]).toEqual([]);
  });

  test("completes forks, and nothing in a question", () => {
    expect(completeLine("/switch m", ["main", "other"])).toEqual([["main"], "m"]);
    expect(completeLine("What is /et", ["main"])[0]).toEqual([]);
    expect(completeLine("/stats x", ["x"])[0]).toEqual([]);
  });
});

describe("tools", () => {
  const plain =
    "{ name: 'add', description: 'Adds', parameters: { type: 'object', properties: {} }, execute: () => 1 }";

  test.each([
    ["a default export that is an array", `export default [${plain}]`],
    ["a default export that is one tool", `export default ${plain}`],
    [
      "exports with names, among others",
      `export const add = ${plain}; export const version = 1; export function helper() {} export const settings = { name: "x" };`,
    ],
    ["CommonJS", `module.exports = [${plain}]`],
  ])("come from a module with %s", async (what, code) => {
    const tools = await readTools(await put(`tools ${what}.${what === "CommonJS" ? "cjs" : "mjs"}`, code));
    expect(tools.map((one) => [toolDefinition(one).name, hasHandler(one)])).toEqual([["add", true]]);
    expect(withoutHandlers(tools).map((one) => [toolDefinition(one), hasHandler(one)])).toEqual([
      [{ name: "add", description: "Adds", parameters: { type: "object", properties: {} } }, false],
    ]);
  });

  test("come from JSON in OpenAI's form, without handlers", async () => {
    const tools = await readTools(
      await put("tools.json", '[{"type": "function", "function": {"name": "add", "description": null}}]'),
    );
    expect(tools.map((one) => [toolDefinition(one), hasHandler(one)])).toEqual([
      [{ name: "add", description: undefined, parameters: undefined }, false],
    ]);
  });

  test("of a file that has changed are read anew", async () => {
    const file = await put("changing.mjs", "export default [{ name: 'one', execute() {} }]");
    expect((await readTools(file)).map(({ name }: any) => name)).toEqual(["one"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writeFile(file, "export default [{ name: 'two', execute() {} }]");
    expect((await readTools(file)).map(({ name }: any) => name)).toEqual(["two"]);
  });

  test.each([
    ["missing.mjs", undefined, "There is no file"],
    ["broken.mjs", "export default [", "cannot be loaded as a module"],
    ["throws.mjs", "throw 'a string'", "cannot be loaded as a module: a string"],
    ["none.mjs", "export const a = 1;", "it exports none"],
    ["empty.mjs", "export default []", "Expected at least one tool"],
    ["number.mjs", "export default 5", "Expected an array of tools"],
    ["broken.json", "[", "is not JSON"],
    ["object.json", "{}", "Expected an array of tools"],
  ])("%s is refused: %s", async (name, content, message) => {
    const file = content === undefined ? path.join(folder, name) : await put(name, content);
    await expect(readTools(file)).rejects.toThrow(message);
  });
});

test("a schema comes from JSON, a default export or an export of that name", async () => {
  expect(await readSchema(await put("schema.json", '{"type": "object"}'))).toEqual({ type: "object" });
  expect(await readSchema(await put("schema1.mjs", "export default { type: 'array' }"))).toEqual({ type: "array" });
  expect(await readSchema(await put("schema2.mjs", "export const schema = { type: 'string' }"))).toEqual({
    type: "string",
  });
  await expect(readSchema(await put("schema3.mjs", "export const other = 1"))).rejects.toThrow(
    "it has no default export and none that is called schema",
  );
});

describe("conversations", () => {
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Hi 🌍" },
    { role: "assistant", content: "Hello." },
  ] as const;

  test("come back from a file as they were, from an array or a request's messages", async () => {
    const file = path.join(folder, "saved.json");
    expect(await isFile(file)).toBe(false);
    await saveConversation(file, messages);
    expect(await isFile(file)).toBe(true);
    expect(await readConversation(file)).toEqual(messages);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readConversation(await put("request.json", JSON.stringify({ model: "x", messages })))).toEqual(
      messages,
    );
  });

  test("replace what a link leads to, not the link, and leave nothing else behind", async () => {
    const inner = path.join(folder, "inner");
    await mkdir(inner);
    await writeFile(path.join(inner, "real.json"), "old");
    await symlink(path.join(inner, "real.json"), path.join(inner, "link.json"));
    await saveConversation(path.join(inner, "link.json"), messages);
    expect(JSON.parse(await readFile(path.join(inner, "real.json"), "utf8"))).toEqual(messages);
    expect((await readdir(inner)).sort()).toEqual(["link.json", "real.json"]);
  });

  test("are not put into folders, devices or what cannot be written to", async () => {
    await expect(isFile(folder)).rejects.toThrow("is something else");
    await expect(isFile("/dev/null")).rejects.toThrow("is something else");
    await expect(saveConversation(path.join(folder, "nowhere", "x.json"), messages)).rejects.toThrow(
      "The conversation cannot be saved: ",
    );
    await chmod(folder, 0o700);
  });

  test.each([
    ["text.json", '"text"'],
    ["null.json", "null"],
    ["other.json", '{"messages": 5}'],
  ])("%s holds none", async (name, content) => {
    await expect(readConversation(await put(name, content))).rejects.toThrow("Expected an array of messages");
  });

  test("get a system message only where they have none", () => {
    expect(withSystem(messages, "Other.")).toEqual(messages);
    expect(withSystem(messages.slice(1), "Other.")).toEqual([
      { role: "system", content: "Other." },
      ...messages.slice(1),
    ]);
    expect(withSystem([null as never], undefined)).toEqual([null]);
  });
});
