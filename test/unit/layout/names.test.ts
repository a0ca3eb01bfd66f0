// One convention for private members and constants, as CONTRIBUTING.md says it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
}).split("\n");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");

/** `file:line: text` of each line that a check finds. */
const linesOf = (names: readonly string[], isWrong: (line: string) => boolean) =>
  names.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, index) => (isWrong(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );

const typescript = files.filter((file) => /^(src|page)\/.*\.tsx?$/.test(file));
const headers = files.filter((file) => /^native\/(engine|binding)\/.*\.h$/.test(file));

test("private members of TypeScript are #names; the keyword stands before constructors alone", () => {
  expect(typescript.length).toBeGreaterThan(200);
  const keyword =
    /^\s*(?:override\s+|static\s+)*(?:private|protected)\s+(?!constructor\b)|[(,]\s*(?:private|protected)\s/;
  expect(linesOf(typescript, (line) => keyword.test(line))).toEqual([]);
});

test("constants of TypeScript are in camelCase", () => {
  expect(linesOf(typescript, (line) => /^(?:export )?(?:const|let) [A-Z][A-Z0-9_]+\b/.test(line))).toEqual([]);
});

test("private data members of C++ end with an underscore, and nothing else does", () => {
  expect(headers.length).toBeGreaterThan(40);
  const members = headers.flatMap((file) => privateMembers(read(file)).map((name) => `${file}: ${name}`));
  expect(members.length).toBeGreaterThan(200);
  expect(members.filter((member) => !member.endsWith("_"))).toEqual([]);
  expect(linesOf(headers, (line) => /^\s*(?:using|struct|class|enum)\s+\w+_\b/.test(line))).toEqual([]);
});

test("the search for members of C++ finds fields of classes, and no functions, types or fields of structs", () => {
  const header = [
    "class Engine {",
    " public:",
    "  int shown;",
    " private:",
    "  struct Job {",
    "    int id;",
    "  };",
    "  using Jobs = std::map<int, Job>;",
    "  void run(int count);",
    "  std::vector<int> candidates(int x,",
    "                              int y) const;",
    "  Jobs jobs_;",
    "  const std::function<void(int)> on_end_;  // set once",
    "  std::atomic<bool> stopping_{false};",
    "  mutable uint64_t wrong = 0;",
    "};",
  ];
  expect(privateMembers(header.join("\n"))).toEqual(["jobs_", "on_end_", "stopping_", "wrong"]);
});

/** By the indentation that clang-format gives: sections of a class stand one space in, its members two. */
function privateMembers(header: string): string[] {
  const names: string[] = [];
  let isPrivate = false;
  for (const line of header.split("\n")) {
    if (/^(class|struct) /.test(line)) isPrivate = false;
    const section = /^ (public|private|protected):/.exec(line);
    if (section !== null) isPrivate = section[1] === "private";
    const text = line.replace(/\s*\/\/.*$/, "");
    if (!isPrivate || !/^ {2}\S.*;$/.test(text) || /^ {2}(using|friend|struct|class|enum|static|\})/.test(text))
      continue;
    // What is in angle brackets may have parentheses of its own.
    const plain = text.replaceAll(/<[^;]*>/g, "");
    const name = /[\s&*](\w+)\s*(?:\[\w*\])?\s*(?:=.*|\{.*\})?;$/.exec(plain)?.[1];
    if (name !== undefined && !/^[^={]*\(/.test(plain)) names.push(name);
  }
  return names;
}
