// Fear: clients in Python that send what those in JavaScript do not. `npm run test:heavy -- clients` installs them.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model } from "../../src/index.js";
import { run } from "../process/run_program.js";
import { call, saying, smallModel } from "../server/clients/answering.js";
import { serving, type Serving } from "../server/serving.js";

const python = process.env["CADUCEUS_PYTHON_CLIENTS"]!;
const programs = fileURLToPath(new URL("clients/clients.py", import.meta.url));

let model: Model;
let small: Serving;
beforeAll(async () => {
  model = await smallModel();
  small = await serving({ smollm2: model });
});
afterAll(async () => {
  await small.close({ graceMs: 0 });
  await model.close();
});

const weather = call("get_weather", { city: "Paris" });
const answer = "It is 21 degrees.";
const anna = call("Person", { name: "Anna", age: 31 });

/** What the model says, one line for each request; nothing: it is the small model, and says what it likes. */
test.each<[string, readonly string[]]>([
  ["openai_chat", [weather, answer]],
  ["openai_responses", [weather, answer]],
  ["openai_parse", []],
  ["anthropic", [weather, answer]],
  ["ollama", [weather, answer, answer]],
  ["instructor_TOOLS", [anna]],
  ["instructor_TOOLS_STRICT", [anna]],
  ["instructor_PARALLEL_TOOLS", [`${anna}\n${call("Person", { name: "Bob", age: 32 })}`]],
  ["instructor_JSON_SCHEMA", []],
  ["instructor_RESPONSES_TOOLS", [anna]],
  ["litellm", [weather, answer, weather, answer, weather, answer, answer]],
])("%s gets what it asks for", async (name, lines) => {
  const { url } = lines.length === 0 ? small : await saying(lines);
  const { code, stderr } = await run(python, [programs, name, url], { timeoutMs: 600_000 });
  expect({ code, stderr: code === 0 ? "" : stderr.slice(-3_000) }).toEqual({ code: 0, stderr: "" });
});
