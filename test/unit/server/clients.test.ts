// The table of clients in docs/server.md: each stands there with the version that is tested, and the file that does it.
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

interface Client {
  readonly name: string;
  /** Whose version counts, and by which the file is known to use it. */
  readonly package: string;
  readonly works: string;
  readonly file: string;
}

const clients = "test/server/clients";
const table: readonly Client[] = [
  {
    name: "openai (npm), completions",
    package: "openai",
    works: "text, streams, `parse`, tools, `logprobs`",
    file: "test/server/openai_chat.test.ts",
  },
  {
    name: "openai (npm), responses",
    package: "openai",
    works: "text, events, `parse`, function and custom tools, stored responses, `logprobs`",
    file: `${clients}/responses.test.ts`,
  },
  {
    name: "@anthropic-ai/sdk",
    package: "@anthropic-ai/sdk",
    works: "text, streams, tools and their runner, system, stop sequences, `countTokens`, errors",
    file: `${clients}/anthropic.test.ts`,
  },
  {
    name: "ollama (npm)",
    package: "ollama",
    works: "`chat`, `generate`, streams, tools, formats, `list`, `show`, `version`",
    file: `${clients}/ollama.test.ts`,
  },
  {
    name: "OpenAI's Agents SDK",
    package: "@openai/agents",
    works: "its default mode: tools, streams, `previousResponseId`, output types",
    file: `${clients}/frameworks.test.ts`,
  },
  {
    name: "AI SDK, `createOpenAI()(id)`",
    package: "@ai-sdk/openai",
    works: "`generateText` and `streamText` with tools, `generateObject`",
    file: `${clients}/frameworks.test.ts`,
  },
  {
    name: "LangChain's ChatOpenAI",
    package: "@langchain/openai",
    works: "with and without `useResponsesApi`: tools, streams, structured output",
    file: `${clients}/frameworks.test.ts`,
  },
];

/** Those in Python, which `npm run test:heavy -- clients` installs and runs. */
const inPython: Readonly<Record<string, string>> = {
  openai: "chat completions and responses: tools, streams, `parse`, `previous_response_id`",
  anthropic: "text, streams, tools, system, `count_tokens`",
  ollama: "`chat`, `generate`, streams, tools, `list`, `show`",
  instructor: "the modes TOOLS, TOOLS_STRICT, PARALLEL_TOOLS, JSON_SCHEMA and RESPONSES_TOOLS",
  litellm: "`completion` with `openai/`, `anthropic/` and `ollama_chat/`: tools, streams; `responses`",
};

const { pythonClients } = (await import(
  new URL("../../../scripts/setup/python_clients.mjs", import.meta.url).href
)) as { pythonClients: Record<string, string> };

/** Whose requests are recorded, because they are no packages. */
const recorded: readonly (readonly string[])[] = [
  [
    "Claude Code",
    "as documented",
    "its requests: tools, results, streams, `count_tokens`",
    `${clients}/coding_agents.test.ts`,
  ],
  ["Codex", "as in its source", "its requests: tools, results, events", `${clients}/coding_agents.test.ts`],
];

function rows(): string[][] {
  const { devDependencies } = JSON.parse(read("package.json")) as { devDependencies: Record<string, string> };
  return [
    ...table.map(({ name, package: of, works, file }) => {
      expect(read(file), file).toMatch(new RegExp(`from "${of}|serving`));
      return [name, devDependencies[of]!, works, file];
    }),
    ...Object.entries(pythonClients).map(([name, version]) => {
      expect(read("test/heavy/clients/clients.py"), name).toMatch(new RegExp(`(from|import) ${name}\\b`));
      return [`${name} (Python)`, version, inPython[name]!, "test/heavy/clients.test.ts"];
    }),
    ...recorded.map((row) => [...row]),
  ];
}

test("docs/server.md has the table of clients, with the versions that are tested", () => {
  const file = "docs/server.md";
  const page = read(file);
  const [begin, end] = ["<!-- clients -->\n", "<!-- /clients -->\n"];
  const [start, stop] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  expect(page).toContain(begin);
  const wanted = [
    "| Client | Version | What works | Tested by |",
    "|---|---|---|---|",
    ...rows().map(([name, version, works, by]) => `| ${name} | ${version} | ${works} | \`${by}\` |`),
    "",
  ].join("\n");
  if (process.env["UPDATE_FIELDS"])
    writeFileSync(new URL(`../../../${file}`, import.meta.url), page.slice(0, start) + wanted + page.slice(stop));
  else expect(page.slice(start, stop), "UPDATE_FIELDS=1 writes it").toBe(wanted);
});
