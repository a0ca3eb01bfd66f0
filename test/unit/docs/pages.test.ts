// What the pages say of themselves and of the errors, against what there is.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { CaduceusError, statusOf, type ErrorCode } from "../../../src/index.js";
import { anchorsOf, linksOf, pages, proseOf, readPage, root } from "../../docs/markdown.js";

/** Of the union in src/errors.ts: the type alone cannot be asked. */
const codes = /export type ErrorCode =([\s\S]*?");/
  .exec(readPage("src/errors.ts"))![1]!
  .match(/"[A-Z_]+"/g)!
  .map((code) => code.slice(1, -1));

test("the page of errors has every code once, in the order of its declaration, and no others", () => {
  const rows = proseOf("docs/errors.md").flatMap((line) => /^\| `([A-Z_]+)` \|/.exec(line)?.[1] ?? []);
  expect(rows).toEqual(codes);
  expect(rows.length).toBeGreaterThan(15);
});

test("each code on it has a meaning and a remedy", () => {
  const thin = proseOf("docs/errors.md").filter(
    (line) =>
      /^\| `/.test(line) &&
      line
        .split("|")
        .slice(2, 4)
        .some((cell) => cell.trim().length < 20),
  );
  expect(thin).toEqual([]);
});

test("the statuses on it are those that servers answer with", () => {
  const rows = proseOf("docs/errors.md").filter((line) => /^\| \d{3} /.test(line));
  const listed = rows.flatMap((row) =>
    [...row.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => [code!, Number(row.slice(2, 5))] as const),
  );
  expect(listed.length).toBeGreaterThan(15);
  const said = new Map<string, number>(listed);
  expect(said.size).toBe(listed.length);
  const declared = codes.map((code) => [code, statusOf(new CaduceusError(code as ErrorCode, "No."))] as const);
  expect(declared).toEqual(codes.map((code) => [code, said.get(code) ?? 500]));
  expect([new Error("No."), "No.", undefined, { code: "QUEUE_FULL" }].map(statusOf)).toEqual([500, 500, 500, 500]);
});

test("the codes on the page of the server are those that the server has", () => {
  const declared = /export type ApiErrorCode =([\s\S]*?");/
    .exec(readPage("src/server/api_error.ts"))![1]!
    .match(/"[a-z_]+"/g)!
    .map((code) => code.slice(1, -1));
  const table = proseOf("docs/server.md")
    .filter((line) => /^\| \d{3}/.test(line))
    .join(" ");
  const named = [...table.matchAll(/`([a-z]+_[a-z_]+)`/g)].map(([, code]) => code!);
  // Nobody is there to read it.
  expect(named.sort()).toEqual(declared.filter((code) => code !== "client_closed_request").sort());
});

const folders = readdirSync(path.join(root, "examples"), { withFileTypes: true }).filter((one) => one.isDirectory());
const readmes = folders
  .map(({ name }) => `examples/${name}/README.md`)
  .filter((readme) => existsSync(path.join(root, readme)));

test("every program of examples/ is on the page of recipes", () => {
  const files = readdirSync(path.join(root, "examples")).filter((name) => name.endsWith(".mjs"));
  const names = [...folders.map(({ name }) => `examples/${name}`), ...files.map((name) => path.basename(name, ".mjs"))];
  expect(names.filter((name) => !readPage("docs/recipes.md").includes(`\`${name}\``))).toEqual([]);
  expect(readmes.length).toBeGreaterThan(4);
});

test.each([...pages, ...readmes])("the links in %s lead to files and headings that exist", (page) => {
  const dead = linksOf(page).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? page : path.posix.normalize(path.posix.join(path.posix.dirname(page), file));
    if (!existsSync(path.join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
  expect(dead).toEqual([]);
});

test("every page but the first has a place in the site's order, and none has two", async () => {
  const { parts } = (await import(new URL("../../../docs/.vitepress/pages.mjs", import.meta.url).href)) as {
    parts: { pages: string[] }[];
  };
  const ordered = parts.flatMap(({ pages }) => pages);
  const named = pages
    .filter((page) => page.startsWith("docs/"))
    .map((page) => path.basename(page, ".md"))
    .filter((name) => name !== "index");
  expect(named.filter((name) => !ordered.includes(name))).toEqual([]);
  expect(new Set(ordered).size).toBe(ordered.length);
});

test("the first page of docs/ and the README lead to every page", () => {
  for (const start of ["README.md", "docs/index.md"]) {
    const linked = linksOf(start).map((link) => path.posix.normalize(path.posix.join(path.posix.dirname(start), link)));
    expect(
      pages.filter((page) => page.startsWith("docs/") && page !== "docs/index.md" && !linked.includes(page)),
      start,
    ).toEqual([]);
  }
});

test("packages of the site have exact versions and stay out of the library's own", () => {
  const { dependencies } = JSON.parse(readFileSync(path.join(root, "docs/package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  expect(Object.values(dependencies).every((version) => /^\d+\.\d+\.\d+$/.test(version))).toBe(true);
  const own = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    dependencies: object;
    devDependencies: object;
  };
  expect(
    Object.keys({ ...own.dependencies, ...own.devDependencies }).filter(
      (name) => name !== "typescript" && name in dependencies,
    ),
  ).toEqual([]);
});

test("the page of runtimes names the versions that they are tried in", () => {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(path.join(root, "test/package/tools/package.json"), "utf8"),
  ) as Record<"dependencies" | "optionalDependencies", Record<string, string>>;
  const nodes = [
    ...new Set(Object.values(optionalDependencies).map((version) => version.replace(/^.*@(20\.\d+|\d+)\..*$/, "$1"))),
  ];
  const page = readPage("docs/runtimes.md");
  expect(page).toContain(`| Node ${nodes.join(", ")} |`);
  expect(page).toContain(`| Bun | ${dependencies["bun"]} |`);
  expect(page).toContain(`| Deno | ${dependencies["deno"]} |`);
});

test.each(pages)("%s has no row of a table that stands apart from its header", (page) => {
  const lines = proseOf(page);
  const begins = lines.flatMap((line, index) =>
    line.startsWith("|") && !lines[index - 1]?.startsWith("|") ? [index] : [],
  );
  expect(begins.filter((index) => !/^\|[ :|-]+\|$/.test(lines[index + 1] ?? "")).map((index) => lines[index])).toEqual(
    [],
  );
});
