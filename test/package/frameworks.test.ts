// The adapters beside the oldest and the newest version of their frameworks: npm installs both, programs compile, and
// run with a model.
import { cp, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { emptyProject, installed, model, node, runIn, tarball, tool } from "./world.js";

const frameworks = [
  ["ai_sdk", "ai@6.0.0", 20, "3 tokens"],
  ["ai_sdk", "ai@7.0.173", 22, "3 tokens"],
  ["langchain", "@langchain/core@1.0.0", 20, "length"],
  ["langchain", "@langchain/core@1.4.0", 20, "length"],
  ["mcp", "@modelcontextprotocol/sdk@1.20.0", 20, "3 tools"],
  ["mcp", "@modelcontextprotocol/sdk@1.32.2", 20, "3 tools"],
  ["opentelemetry", "@opentelemetry/api@1.9.0", 20, "3 tokens"],
  ["opentelemetry", "@opentelemetry/api@1.10.0", 22, "3 tokens"],
  ["openai_agents", "@openai/agents@0.14.3", 20, "3 tokens"],
  ["openai_agents", "@openai/agents@0.20.0", 22, "3 tokens"],
] as const;

describe.each(frameworks)("%s with %s", (name, framework, nodeVersion, output) => {
  test("is installed, compiles and runs", async () => {
    const folder = await emptyProject();
    const packages = [tarball, framework, "zod@4.6.7"];
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    const installing = await runIn(folder, "npm", ["install", ...flags, ...packages]);
    expect(installing).toMatchObject({ code: 0 });
    await cp(tool("@types/node"), path.join(folder, "node_modules/@types/node"), { recursive: true });
    await cp(tool("undici-types"), path.join(folder, "node_modules/undici-types"), { recursive: true });
    await cp(new URL(`consumers/${name}.ts`, import.meta.url), path.join(folder, `${name}.ts`));
    const compilerOptions = {
      target: "ES2022",
      module: "nodenext",
      lib: ["ES2022", "ESNext.Disposable"],
      types: ["node"],
      strict: true,
      // Of the framework, which is not held to what ours is.
      skipLibCheck: true,
    };
    await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [`${name}.ts`] }));
    const compiling = await runIn(folder, process.execPath, [tool("typescript/bin/tsc"), "-p", "."]);
    expect(compiling).toMatchObject({ code: 0, stdout: "" });
    const running = await runIn(folder, node(nodeVersion), [`${name}.js`, model]);
    expect(running).toMatchObject({ code: 0, stdout: `${output}\n` });
  });
});

test("without its package a command says what to install", async () => {
  const folder = await installed();
  const { code, stdout, stderr } = await runIn(folder, "node_modules/.bin/caduceus", ["mcp", "-m", model]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/npm install @modelcontextprotocol\/sdk .*\(PACKAGE_MISSING\)/);
});
