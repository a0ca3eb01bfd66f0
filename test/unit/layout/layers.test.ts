// The layers of docs/architecture.md, held by what files import; the size of files and folders; how files begin.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter(Boolean);
const read = (file: string) => readFileSync(path.join(root, file), "utf8");

/** Which layers a layer may import, besides itself, `errors`, `options` and the small shared modules of src/. */
const layers: Record<string, readonly string[]> = {
  engine: [],
  "engine/addon": ["engine"],
  "engine/isolated": ["engine", "engine/addon"],
  "engine/remote": ["engine", "engine/addon"],
  schema: ["engine"],
  format: ["engine", "schema"],
  files: [],
  model: ["engine", "engine/addon", "engine/isolated", "engine/remote", "files", "format"],
  chat: ["engine", "files", "format", "model", "schema"],
  pool: ["chat", "files", "model"],
  // Programs over the public interface; the evaluation checks answers by schemas and fetches its data.
  server: ["index"],
  adapters: ["index"],
  evaluation: ["index", "files", "schema"],
  cli: ["index", "server", "evaluation", "files", "adapters"],
  index: ["chat", "engine", "engine/addon", "engine/remote", "files", "format", "model", "pool", "schema"],
};
const shared = ["errors", "options", "follow_signal", "json_object", "package_folder", "system"];

function layerOf(file: string): string {
  const [, folder, below] = file.replace(/\.ts$/, "").split("/") as [string, string, string | undefined];
  return folder === "engine" && ["addon", "isolated", "remote"].includes(below ?? "") ? `engine/${below}` : folder;
}

/** Relative imports, type imports included. */
function importsOf(file: string): string[] {
  const found = read(file).matchAll(/(?:\bfrom|\bimport\(|^import)\s*"(\.{1,2}\/[^"]+)"/gm);
  return [...found].map(([, to]) => path.posix.join(path.posix.dirname(file), to!.replace(/\.js$/, ".ts")));
}

const sources = files.filter((file) => /^src\/.*\.ts$/.test(file));

test.each(sources)("%s imports only from layers below its own", (file) => {
  const own = layerOf(file);
  if (shared.includes(own)) {
    expect(
      importsOf(file)
        .map(layerOf)
        .filter((layer) => !shared.includes(layer)),
    ).toEqual([]);
    return;
  }
  expect(Object.keys(layers)).toContain(own);
  const above = importsOf(file).filter((to) => ![own, ...layers[own]!, ...shared].includes(layerOf(to)));
  expect(above).toEqual([]);
});

test("the compiled addon is loaded by src/engine/addon alone", () => {
  const loading = sources.filter(
    (file) => /node-gyp-build|\.node"/.test(read(file)) && layerOf(file) !== "engine/addon",
  );
  expect(loading).toEqual([]);
});

test("what scripts, benchmarks and tests import from dist/ is an entry of the build", () => {
  const build = read("rolldown.config.mjs");
  const imported = files
    .filter((file) => /\.(mjs|ts)$/.test(file))
    .flatMap((file) =>
      [...read(file).matchAll(/(?:from|import\()\s*"(?:\.\.\/)+dist\/([^"]+)\.js"/g)].map(([, name]) => name!),
    );
  expect(imported.length).toBeGreaterThan(10);
  expect(imported.filter((name) => !build.includes(`"${name}"`) && name !== "engine/engine")).toEqual([]);
});

test("native/engine knows nothing of Node-API, and includes nothing of native/binding", () => {
  const native = files.filter((file) => /^native\/(engine|ggml)\/.*\.(cpp|h)$/.test(file));
  expect(native.length).toBeGreaterThan(60);
  expect(
    native.filter((file) => /#include [<"](napi|node_api|js_native_api|\.\.\/.*binding)/.test(read(file))),
  ).toEqual([]);
});

describe.each([
  ["src", sources],
  ["page", files.filter((file) => /^page\/.*\.tsx?$/.test(file))],
  ["scripts", files.filter((file) => /^scripts\/.*\.mjs$/.test(file))],
])("%s", (_, modules) => {
  test("has no import cycles", () => {
    const known = new Set(modules);
    const edges = new Map(
      modules.map((file) => [
        file,
        importsOf(file)
          .flatMap((to) => [to, to.replace(/\.ts$/, ".tsx"), to.replace(/\.ts$/, ".mjs")])
          .filter((to) => known.has(to)),
      ]),
    );
    const cycles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]) => {
      if (trail.includes(file)) {
        cycles.push([...trail.slice(trail.indexOf(file)), file].join(" → "));
        return;
      }
      if (done.has(file)) return;
      for (const to of edges.get(file)!) visit(to, [...trail, file]);
      done.add(file);
    };
    for (const file of modules) visit(file, []);
    expect(cycles).toEqual([]);
  });
});

test("no folder of code holds more than fourteen files, and no file of it more than 400 lines", () => {
  const folders = new Map<string, number>();
  const code = files.filter(
    (file) =>
      /^(src|native|page|scripts|test)\/.*\.(ts|tsx|mjs|mts|css|cpp|h|rs)$/.test(file) &&
      existsSync(path.join(root, file)),
  );
  for (const folder of ["src", "native/test", "page", "scripts", "test/unit"])
    expect(code.filter((file) => file.startsWith(`${folder}/`)).length, folder).toBeGreaterThan(20);
  for (const file of code) folders.set(path.posix.dirname(file), (folders.get(path.posix.dirname(file)) ?? 0) + 1);
  expect([...folders].filter(([, count]) => count > 14)).toEqual([]);
  expect(code.filter((file) => read(file).split("\n").length - 1 > 400)).toEqual([]);
});

test("every file of sources, scripts and tests begins with a comment that says what it is for", () => {
  const code = files.filter(
    (file) =>
      /^(src|scripts|test|native\/test)\/.*\.([mc]?ts|[mc]js|py|cpp|h)$/.test(file) &&
      existsSync(path.join(root, file)),
  );
  expect(code.length).toBeGreaterThan(600);
  expect(code.filter((file) => !/^(#!.*\n)?(\/\/ |\/\*\*|# |""")\S?/.test(read(file)))).toEqual([]);
});
