// The declarations as other people's compilers see them, and what the tools that check packages say of them.
import { cp, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { installed, runIn, tarball, tool } from "./world.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const compilers = {
  "TypeScript 5.9": () => tool("typescript/bin/tsc"),
  "TypeScript 7": () => path.join(root, "node_modules/typescript/bin/tsc"),
};

let folder: string;
beforeAll(async () => {
  folder = await installed();
  await cp(tool("@types/node"), path.join(folder, "node_modules/@types/node"), { recursive: true });
  await cp(tool("undici-types"), path.join(folder, "node_modules/undici-types"), { recursive: true });
});

/** What the compiler says of one consumer; nothing where all is well. */
async function compile(compiler: string, name: string, file: string, options: object): Promise<string> {
  const project = path.join(folder, name);
  await mkdir(project, { recursive: true });
  await cp(new URL(`consumers/${file}`, import.meta.url), path.join(project, file));
  await writeFile(path.join(project, "package.json"), '{ "type": "module" }');
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2022", "ESNext.Disposable"],
    types: ["node"],
    strict: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    noImplicitOverride: true,
    isolatedModules: true,
    outDir: "out",
    ...options,
  };
  await writeFile(path.join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
  const { code, stdout, stderr } = await runIn(project, process.execPath, [compiler, "-p", "."]);
  return code === 0 ? "" : stdout + stderr || `It ended with code ${code}.`;
}

describe.each(Object.keys(compilers) as (keyof typeof compilers)[])("%s", (name) => {
  test.each(["node16", "nodenext"])("compiles an ES module at moduleResolution %s", async (resolution) => {
    expect(
      await compile(compilers[name](), `${resolution}-esm`, "consumer.ts", {
        module: resolution,
        moduleResolution: resolution,
      }),
    ).toBe("");
  });

  test("compiles an ES module at moduleResolution bundler", async () => {
    expect(
      await compile(compilers[name](), "bundler", "consumer.ts", { module: "esnext", moduleResolution: "bundler" }),
    ).toBe("");
  });

  test("needs none of Node's types where TypeScript's library DOM is there", async () => {
    expect(
      await compile(compilers[name](), "without-node", "without_node.ts", {
        module: "nodenext",
        moduleResolution: "nodenext",
        types: [],
        lib: ["ES2022", "DOM"],
      }),
    ).toBe("");
  });

  // At node16 TypeScript knows nothing of `require` of an ES module, which came with Node 20.19.
  test("compiles CommonJS (.cts) at moduleResolution nodenext, and it runs", async () => {
    expect(
      await compile(compilers[name](), "nodenext-cts", "consumer.cts", {
        module: "nodenext",
        moduleResolution: "nodenext",
      }),
    ).toBe("");
    const outcome = await runIn(folder, process.execPath, [
      "-e",
      'console.log(typeof require("./nodenext-cts/out/consumer.cjs").answer)',
    ]);
    expect(outcome).toMatchObject({ code: 0, stdout: "function\n", stderr: "" });
  });
});

test("publint finds nothing, by its strictest rules", async () => {
  const outcome = await runIn(folder, process.execPath, [
    tool("publint/src/cli.js"),
    tarball,
    "--strict",
    "--pack",
    "false",
  ]);
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringContaining("All good!") });
});

test("are-the-types-wrong finds nothing of what concerns an ES module package", async () => {
  const { code, stdout } = await runIn(folder, process.execPath, [
    tool("@arethetypeswrong/cli/dist/index.js"),
    tarball,
    "--profile",
    "esm-only",
    "--format",
    "json",
  ]);
  // The profile ignores what no ES module package can have, and its listing does not.
  const problems = (JSON.parse(stdout) as { problems: Record<string, { resolutionKind?: string }[]> }).problems;
  const ours = Object.values(problems)
    .flat()
    .filter(({ resolutionKind }) => resolutionKind !== "node10" && resolutionKind !== "node16-cjs");
  expect({ code, ours }).toEqual({ code: 0, ours: [] });
});
