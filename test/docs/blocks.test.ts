// Every block of code of README.md, docs/ and the comments that the reference shows is what it says: TypeScript is
// compiled against the package's own types and run with a real model (test/heavy compiles those of other libraries),
// command lines are read by the command line, JSON is JSON.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quantizeModel } from "../../src/index.js";
import { FakeHub } from "../support/fake_hub.js";
import { bertModel } from "../support/gguf/bert_model.mjs";
import { makeAdapter } from "../support/gguf/make_adapter.mjs";
import { hermesModel, smollm2Model } from "../support/models.js";
import { blocksOf, pages, proseOf, root, sources, type Block } from "./markdown.js";
import { checkCommandLine, commandLines } from "./command_lines.js";

const blocks = [...pages, ...sources].flatMap(blocksOf);
const shown = blocks.filter(({ file }) => file !== undefined);
const programs = blocks.filter(
  ({ language, file, of }) => file === undefined && of === undefined && (language === "ts" || language === "js"),
);
const where = ({ page, line }: Block) => `${page}:${line}`;
const fileName = ({ page, line, language }: Block) =>
  `${path.basename(page, path.extname(page)).toLowerCase()}-${line}.${language}`;

describe("programs", () => {
  const folder = path.join(root, ".cache", "blocks");
  const world = path.join(tmpdir(), `caduceus-blocks-${process.pid}`);
  let diagnostics: string;
  let outcomes: Map<string, Outcome>;
  let hub: FakeHub;

  beforeAll(async () => {
    diagnostics = await compile(folder);
    // 4 GB are not for tests: here the names of larger models stand for the small one, on this machine and at a hub of
    // its own.
    hub = await FakeHub.start();
    await makeWorld(world, hub);
    outcomes = await runAll(folder, world, hub);
  }, 580_000);

  afterAll(async () => {
    await hub.close();
    await rm(world, { recursive: true, force: true });
  });

  test.each(programs.map((block) => [where(block), block] as const))("%s compiles", (_, block) => {
    expect(diagnostics.split("\n").filter((line) => line.startsWith(`${fileName(block)}(`))).toEqual([]);
  });

  test("nothing else hinders the compiler", () => {
    expect(
      diagnostics
        .split("\n")
        .filter((line) => !programs.some((block) => line.startsWith(`${fileName(block)}(`)))
        .join("\n"),
    ).toBe("");
  });

  test.each(programs.filter(({ notRun }) => notRun === undefined).map((block) => [where(block), block] as const))(
    "%s runs to its end with a real model",
    (_, block) => {
      const outcome = outcomes.get(fileName(block).replace(/\.ts$/, ".js"));
      expect(outcome?.failure, `${block.code}\n\n${outcome?.written ?? "It was never reached."}`).toBeUndefined();
      expect(outcome).toBeDefined();
    },
  );
});

test("the programs that are only compiled are these, for these reasons", () => {
  expect(
    programs.filter(({ notRun }) => notRun !== undefined).map((block) => `${block.page}: ${block.notRun}`),
  ).toEqual(["docs/json.md: a small model may call until maxRounds ends it"]);
});

describe("command lines", () => {
  const lines = blocks.filter(({ language }) => language === "sh").flatMap((block) => commandLines(block));

  test.each(lines.map(({ page, line, text }) => [`${page}:${line}`, text] as const))(
    "%s is one: %s",
    async (_, text) => {
      expect(await checkCommandLine(text)).toBeUndefined();
    },
  );
});

test.each(
  blocks
    .filter(({ language }) => language === "json" || language === "jsonl")
    .map((block) => [where(block), block] as const),
)("%s is JSON", (_, { language, code }) => {
  for (const text of language === "jsonl" ? code.trimEnd().split("\n") : [code])
    expect(() => JSON.parse(text) as unknown).not.toThrow();
});

test.each(shown.map((block) => [where(block), block] as const))(
  "%s is the file that it names, word for word",
  async (_, { file, code }) => {
    expect(code).toBe((await readFile(path.join(root, file!), "utf8")).trimEnd());
  },
);

test("hello world takes at most six lines in each framework", () => {
  const hellos = programs.filter(({ page, code }) => page === "docs/frameworks.md" && code.includes('load("smollm2")'));
  expect(hellos.map(({ code }) => /"caduceus\/([\w-]+)"/.exec(code)?.[1])).toEqual([
    "ai-sdk",
    "langchain",
    "openai-agents",
  ]);
  expect(hellos.map(({ code }) => code.trim().split("\n").length).filter((lines) => lines > 6)).toEqual([]);
});

test("all blocks are of a kind that is tested, or plain text", () => {
  expect(
    blocks
      .filter(
        ({ language, file }) => file === undefined && !["ts", "js", "sh", "json", "jsonl", "text"].includes(language),
      )
      .map((block) => `${where(block)} ${block.language}`),
  ).toEqual([]);
});

test("no code hides from the tests by being indented", () => {
  const hidden = pages.flatMap((page) =>
    proseOf(page).flatMap((line, index) => (/^(?: {4}|\t)\S/.test(line) ? [`${page}:${index + 1}`] : [])),
  );
  expect(hidden).toEqual([]);
});

interface Outcome {
  readonly file: string;
  readonly written: string;
  readonly failure?: string;
  readonly milliseconds: number;
}

/** Gives what the compiler says, a line for each problem. The JavaScript lies in js/ afterwards. */
async function compile(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const block of programs) {
    // One line, so that the compiler counts the lines as the page does, but for it.
    const given = block.given.length === 0 ? "" : `import { ${block.given.join(", ")} } from "./given.js";`;
    await writeFile(path.join(folder, fileName(block)), `${given}\n${block.code}\nexport {};\n`);
  }
  await writeFile(path.join(folder, "given.ts"), await readFile(new URL("given.ts", import.meta.url)));
  await writeFile(
    path.join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: {
        noEmit: false,
        allowJs: true,
        outDir: "js",
        rootDir: ".",
        verbatimModuleSyntax: false,
        noUncheckedIndexedAccess: false,
      },
      include: ["*.ts", "*.js"],
    }),
  );
  const { output } = await run(
    process.execPath,
    [path.join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json", "--pretty", "false"],
    { cwd: folder },
  );
  return output.trim();
}

/** A folder to work in, and models by all names that the pages use. */
async function makeWorld(world: string, hub: FakeHub): Promise<void> {
  const model = await smollm2Model();
  const models = path.join(world, "cache", "models");
  await mkdir(path.join(models, "owner--repository"), { recursive: true });
  for (const name of [
    "Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf",
    "Hermes-2-Pro-Mistral-7B.Q5_K_M.gguf",
    "owner--repository/model.Q4_K_M.gguf",
    path.basename(model),
  ]) {
    await symlink(model, path.join(models, name));
  }
  for (const name of ["model.gguf", "qwen2.5-7b-q4_k_m.gguf", "qwen2.5-0.5b-q8_0.gguf"])
    await symlink(model, path.join(world, name));
  hub.offer(
    "NousResearch/Hermes-2-Pro-Mistral-7B-GGUF",
    "Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf",
    0,
    await readFile(model),
  );
}

async function runAll(folder: string, world: string, hub: FakeHub): Promise<Map<string, Outcome>> {
  const files = programs
    .filter(({ notRun }) => notRun === undefined)
    .map((block) => path.join(folder, "js", fileName(block).replace(/\.ts$/, ".js")))
    .filter(existsSync);
  const runner = path.join(root, "test/docs/run_blocks.mjs");
  const adapters = [1, 2].map((seed) => path.join(world, `adapter-${seed}.gguf`));
  for (const [index, file] of adapters.entries())
    makeAdapter(file, { model: { shape: "tiny", added: "control" }, seed: index });
  const env = {
    CADUCEUS_CACHE: path.join(world, "cache"),
    HF_HOME: path.join(world, "huggingface"),
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_CACHE: undefined,
    HF_HUB_OFFLINE: undefined,
    HF_TOKEN: undefined,
    PORT: "0",
    CADUCEUS_TEST_MCP: path.join(root, "test/adapters/mcp/tool_server.mjs"),
    CADUCEUS_TEST_BERT: `${bertModel("mean")},${bertModel("reranker")}`,
    CADUCEUS_TEST_CODER: await hermesModel("control", {
      markup: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    }),
    CADUCEUS_TEST_ORIGINAL: (
      await quantizeModel(bertModel("mean"), path.join(world, "f16.gguf"), { type: "F16", allowRequantize: true })
    ).path,
    CADUCEUS_TEST_ADAPTERS: [await hermesModel(), ...adapters].join(","),
  };
  const { output } = await run(process.execPath, [runner, ...files], { cwd: world, env });
  const outcomes = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Outcome);
  return new Map(outcomes.map((outcome) => [path.basename(outcome.file), outcome]));
}

/** Standard output of a program, whatever its exit code; standard error goes to the test's own. */
function run(
  command: string,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Record<string, string | undefined> },
): Promise<{ readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 560_000,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", reject);
    child.on("close", () => resolve({ output }));
  });
}
