// Files as people's editors and shells write them.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UsageError } from "../../../src/cli/exit_codes.js";
import { checkStandardInput } from "../../../src/cli/request.js";
import { readUserText } from "../../../src/cli/output/user_text.js";
import { readConversation, readSchema, readTools } from "../../../src/cli/user_files.js";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-text-"))));
afterAll(() => rm(folder, { recursive: true }));

const write = async (name: string, content: string | Buffer) => {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
};
const mark = "\ufeff";
const utf16 = (text: string) => Buffer.from(mark + text, "utf16le");
const bigEndian = (text: string) => utf16(text).swap16();

const tools = JSON.stringify([{ type: "function", function: { name: "now" } }]);
const readers = [
  ["a prompt", (file: string) => readUserText(file), "Why?"],
  ["tools", readTools, tools],
  ["a schema", readSchema, '{"type": "object"}'],
  ["a conversation", readConversation, '[{"role": "user", "content": "Hi"}]'],
] as const;

describe.each(readers)("%s", (name, read, text) => {
  test("is the same with and without the mark that Windows' editors write", async () => {
    const plain = await read(await write("plain", text));
    expect(await read(await write("marked", mark + text))).toEqual(plain);
    expect(JSON.stringify(plain)).not.toContain(mark);
  });

  test.each([
    ["little", utf16],
    ["big", bigEndian],
  ])("is refused in UTF-16 of %s endian, with what to do", async (_, encode) => {
    await expect(read(await write("wide", encode(text)))).rejects.toThrow(
      /^Expected UTF-8 in .*wide but it is UTF-16: save it as UTF-8/,
    );
  });

  test("says in a sentence that there is no such file, or that it is a folder", async () => {
    await expect(read(path.join(folder, "nowhere"))).rejects.toThrow(
      new UsageError(`There is no file ${path.join(folder, "nowhere")}.`),
    );
    await expect(read(path.join(folder, "plain", "below a file"))).rejects.toThrow(/^There is no file /);
    await expect(read(folder)).rejects.toThrow(new UsageError(`Expected a file but ${folder} is a folder.`));
    expect(name).not.toBe("");
  });
});

test("a module with the mark is read as well, and one that is missing is named", async () => {
  const text = 'export default [{ name: "now", execute: () => 1 }];';
  expect(await readTools(await write("marked.mjs", mark + text))).toHaveLength(1);
  await expect(readTools(path.join(folder, "nowhere.mjs"))).rejects.toThrow(/^There is no file .*nowhere\.mjs\.$/);
});

test.each([
  ["empty", "", /^Expected JSON in .*empty but it is empty\.$/],
  ["words", "hello\nyou", /words is not JSON: [^\n]+\. Modules end with \.js, \.mjs or \.cjs\.$/],
  ["cut.json", '{"a":', /cut\.json is not JSON: [^\n]+\.$/],
  [
    "latin1",
    Buffer.from('{"title": "M\u00fcnchen"}', "latin1"),
    /^Expected UTF-8 in .*latin1 but it is something else/,
  ],
])("a schema that is %s is refused by what is wrong with it", async (name, content, words) => {
  await expect(readSchema(await write(name, content))).rejects.toThrow(words);
});

test("no tools at all are refused by what is there", async () => {
  await expect(readTools(await write("none.json", "[]"))).rejects.toThrow(
    /^Expected at least one tool in .*none\.json but the array is empty\.$/,
  );
  await expect(readTools(await write("one.json", "3"))).rejects.toThrow(/^Expected an array of tools in /);
});

test("standard input may be named for one thing", () => {
  const flags = { model: "m" };
  expect(checkStandardInput(flags, { argument: "-" })).toBe(false);
  expect(checkStandardInput({ ...flags, schema: "/dev/stdin" }, { argument: "Hi", "--file": "notes.txt" })).toBe(true);
  expect(() => checkStandardInput({ ...flags, schema: "-" }, { argument: "-" })).toThrow(
    "Expected standard input for one thing but it is named for --schema and the prompt.",
  );
  expect(() => checkStandardInput({ ...flags, tools: "-", load: "/dev/stdin" }, {})).toThrow("--tools and --load");
});
