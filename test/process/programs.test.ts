// The examples, run unchanged: the programs that the API exists for.
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import OpenAI from "openai";
import { expect, onTestFinished, test } from "vitest";
import { makeAdapter } from "../support/gguf/make_adapter.mjs";
import { hermesModel } from "../support/models.js";
import { example, program, runNode } from "./run_program.js";

test("adapters.mjs answers with each adapter and without any", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-adapters-"));
  const files = ["first", "second"].map((name) => path.join(folder, `${name}.gguf`));
  for (const [seed, file] of files.entries()) makeAdapter(file, { model: { shape: "tiny", added: "control" }, seed });
  const { code, stdout, stderr } = await runNode(example("adapters.mjs"), [await hermesModel(), ...files]);
  await rm(folder, { recursive: true });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^without: ./m);
  expect(stdout).toMatch(/^first: ./m);
  expect(stdout).toMatch(/^second: ./m);
});

test("hello streams an answer", async () => {
  const { code, stdout, stderr } = await runNode(example("hello.mjs"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.length).toBeGreaterThan(20);
});

test("chat answers three questions and its second turn has most of its prompt cached", async () => {
  const { code, stdout, stderr } = await runNode(example("chat.mjs"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, cached, prompt] = /(\d+) of (\d+) prompt tokens were cached; 5 messages/.exec(stdout) ?? [];
  expect(Number(cached)).toBeGreaterThanOrEqual(Number(prompt) / 2);
});

test("cancel gives up in time, stops where it is left, and says what is closed", async () => {
  // The answer is sampled, and may end by itself before the fifth piece.
  expect(await runNode(example("cancel.mjs"))).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^TimeoutError\n[1-5] 0\ntrue MODEL_CLOSED\n$/),
    stderr: "",
  });
});

test("json prints a value of the schema", async () => {
  const { code, stdout, stderr } = await runNode(example("json.mjs"), ["smollm2"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^\{ name: .+, age: -?\d+, city: .+ \}\n$/s);
});

test("tool comes to its end, whatever a small model does with it", async () => {
  expect(await runNode(example("tool.mjs"), ["smollm2"])).toMatchObject({ code: 0, stderr: "" });
});

test("events shows a required call as it grows, its result, and the end", async () => {
  const { code, stdout, stderr } = await runNode(example("events.mjs"), ["smollm2"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/calling add\n(so far \{.*\}\n)+call add \{ a: .+, b: .+ \}\n/);
  expect(stdout).toMatch(/(stop|length|tool_calls) \{ promptTokens: \d+/);
});

test("agent answers both questions, and says what each cost", async () => {
  const { code, stdout, stderr } = await runNode(example("agent.mjs"), ["smollm2"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(
    /^> What is on my shopping list\?\n.*\(\S+; read \d+ tokens, wrote \d+\)\n> Put eggs.*Notes: \{ shopping: /s,
  );
});

test("langgraph comes to its end, whatever a small model does with its tools", async () => {
  const { code, stdout, stderr } = await runNode(example("langgraph.mjs"), ["smollm2"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^(human: How warm is it in Tokyo.*)?$/s);
});

test("rag answers about a folder of Markdown with its sources, and computes only what is new", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-rag-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, "animals"));
  await writeFile(
    path.join(folder, "animals", "cats.md"),
    "# Cats\n\nCats eat meat.\n\n## Sleep\n\nThey sleep a lot.\n",
  );
  await writeFile(path.join(folder, "cities.md"), "# Rome\n\nRome is the capital of Italy.\n");
  const ask = async (question: string) => {
    const { code, stdout, stderr } = await runNode(example("rag/rag.mjs"), [folder, question, "smollm2", "smollm2"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };
  const first = await ask("# Rome\n\nRome is the capital of Italy.");
  expect(first).toMatch(
    /^3 sections, 3 of them new\n.*\n\n\[1\] cities\.md: # Rome \([\d.]+\)\n\[2\] .+\n\[3\] .+\n$/s,
  );
  await writeFile(
    path.join(folder, "cities.md"),
    "# Rome\n\nRome is the capital of Italy.\n\n# Oslo\n\nOslo is cold.\n",
  );
  expect(await ask("# Cats\n\nCats eat meat.")).toMatch(
    /^4 sections, 1 of them new\n.*\n\n\[1\] animals\/cats\.md: # Cats \(/s,
  );
});

test("server answers OpenAI's client inside an application of its own, and ends when it is told to", async () => {
  let answer: Promise<string | null | undefined> | undefined;
  const outcome = await runNode(example("server.mjs"), ["smollm2"], {
    env: { PORT: "0", API_KEYS: "sk-one,sk-two" },
    onOutput: (stdout, kill) => {
      if (answer !== undefined || !stdout.endsWith("\n")) return;
      const client = new OpenAI({ baseURL: stdout.trim(), apiKey: "sk-two", maxRetries: 0 });
      answer = client.chat.completions
        .create({ model: "hermes", max_tokens: 10, messages: [{ role: "user", content: "Hello!" }] })
        .then(({ choices }) => choices[0]?.message.content);
      void answer.catch(() => {}).finally(() => kill("SIGTERM"));
    },
  });
  expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
  expect((await answer)?.length).toBeGreaterThan(0);
});

test("pool answers with two models of which one fits at a time", async () => {
  const { code, stdout, stderr } = await runNode(example("pool.mjs"), ["smollm2", "smollm2", "0.4"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.match(/^(first|second): .+$/gm)).toHaveLength(3);
  expect(stdout).toMatch(/^first is (un)?loaded and was loaded .*, second is (un)?loaded and was loaded .*$/m);
  expect(stdout.match(/is loaded/g)).toHaveLength(1);
});

test("every example of one file is run here", () => {
  const source = readFileSync(new URL(import.meta.url), "utf8");
  expect(
    readdirSync(new URL("../../examples", import.meta.url)).filter(
      (name) => name.endsWith(".mjs") && !source.includes(`example("${name}")`),
    ),
  ).toEqual([]);
});

test("CommonJS can require the package without a warning", async () => {
  expect(await runNode(program("require.cjs"))).toMatchObject({
    code: 0,
    stdout: "function true MODEL_NOT_FOUND\n",
    stderr: "",
  });
});
