// Fear: programs of other libraries in our documentation that are wrong. Each is compiled against the types of the
// version that it names.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { blocksOf, pages } from "../docs/markdown.js";
import { run } from "../process/run_program.js";

const programs = pages.flatMap(blocksOf).filter(({ of }) => of !== undefined);

test("the programs of other libraries compile", async () => {
  expect(programs.length).toBeGreaterThan(3);
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-libraries-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const inFolder = (command: string, ...args: string[]) => run(command, args, { cwd: folder, timeoutMs: 900_000 });
  await writeFile(path.join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const packages = ["typescript@5.9.3", "@types/node@20.19.43", "zod@4.6.7"];
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--omit=optional"];
  const libraries = programs.map(({ of }) => of!.replace(" ", "@"));
  expect(await inFolder("npm", "install", ...flags, ...packages, ...libraries)).toMatchObject({ code: 0 });
  const compilerOptions = {
    target: "ES2022",
    module: "nodenext",
    lib: ["ES2023", "ESNext.Disposable", "DOM"],
    types: ["node"],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["programs/*.ts"] }));
  await mkdir(path.join(folder, "programs"));
  for (const { of, code } of programs)
    await writeFile(path.join(folder, "programs", `${of!.replace(/\W+/g, "_")}.ts`), `${code}\nexport {};\n`);
  const { code, stdout } = await inFolder(process.execPath, "node_modules/typescript/bin/tsc", "-p", ".");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
});
