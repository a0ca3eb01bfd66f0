// What importing the package costs, told by what Node has to find and link: times differ from machine to machine.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Everything that a file of dist/ imports as it is loaded, and so on. */
function loadedBy(file: URL, loaded = new Set<string>()): Set<string> {
  loaded.add(file.href);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/^(?:import|export) [^"'`]*"([^"]+)";$/gm)) {
    if (!name.startsWith(".")) loaded.add(name);
    else if (!loaded.has(new URL(name, file).href)) loadedBy(new URL(name, file), loaded);
  }
  return loaded;
}

// Fear: a heavy package, or a file for each module, makes every program that only might use a model start late.
const ofLangChain = [
  "@langchain/core/embeddings",
  "@langchain/core/language_models/chat_models",
  "@langchain/core/messages",
  "@langchain/core/output_parsers",
  "@langchain/core/outputs",
  "@langchain/core/runnables",
  "@langchain/core/utils/function_calling",
  "@langchain/core/utils/json_schema",
];

test.each([
  // One of each is the joiner's own, a kilobyte for the packages that are CommonJS.
  ["caduceus", "index.js", 4, []],
  ["caduceus/hermes", "format/hermes/index.js", 3, []],
  ["caduceus/ai-sdk", "adapters/ai_sdk/index.js", 5, []],
  ["caduceus/langchain", "adapters/langchain/index.js", 5, ofLangChain],
  ["caduceus/mcp", "adapters/mcp/index.js", 6, []],
  ["caduceus/openai-agents", "adapters/openai_agents/index.js", 5, ["@openai/agents"]],
  ["caduceus/opentelemetry", "adapters/opentelemetry/index.js", 4, ["@opentelemetry/api"]],
])("%s is few files, and loads no other package than its own peer", (_, entry, files, peers) => {
  const loaded = [...loadedBy(new URL(`../../dist/${entry}`, import.meta.url))].filter(
    (name) => !name.startsWith("node:"),
  );
  expect(loaded.filter((name) => !name.startsWith("file:")).sort()).toEqual(peers);
  expect(loaded).toHaveLength(files + peers.length);
});

// Fear: an import brings the code of servers and downloads back into the start of every program.
test("caduceus begins without what only some programs come to use", () => {
  const dist = new URL("../../dist/", import.meta.url);
  const loaded = loadedBy(new URL("index.js", dist));
  expect([...loaded].filter((name) => /^node:(http|https|child_process)$/.test(name))).toEqual([]);
  const text = (files: readonly string[]) => files.map((file) => readFileSync(new URL(file), "utf8")).join("");
  const atStart = text([...loaded].filter((name) => name.startsWith("file:")));
  const chunks = readdirSync(new URL("chunks", dist)).filter((name) => name.endsWith(".js"));
  const all = text(chunks.map((name) => new URL(`chunks/${name}`, dist).href));
  const has = (code: string, name: string) => new RegExp(`(class|function) ${name}\\b|\\b${name} = class`).test(code);
  const later = ["RemoteEngine", "Fleet", "IsolatedEngine", "fetchHubModel", "quantizeFile"];
  expect([...later, "Reply"].filter((name) => has(all, name))).toEqual([...later, "Reply"]);
  expect([...later, "Reply"].filter((name) => has(atStart, name))).toEqual(["Reply"]);
});
