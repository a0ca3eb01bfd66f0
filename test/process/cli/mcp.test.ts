// `caduceus chat --mcp`: tools of a real MCP server, in the terminal and for a single question.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cli, runNode } from "../run_program.js";
import { chatAtTerminal, ctrlD, prompt } from "./chat_at_terminal.js";

const server = fileURLToPath(new URL("../../adapters/mcp/tool_server.mjs", import.meta.url));
let folder: string;
const inFolder = (name: string) => path.join(folder, name);
const fixed = () => ["--temp", "0", "-n", "40", "--load", inFolder("weather.json"), "--mcp", inFolder("mcp.json")];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-mcp-"));
  const config = {
    mcpServers: {
      city: { command: process.execPath, args: [server, "city", "weather"] },
      off: { command: "none", disabled: true },
    },
  };
  await writeFile(inFolder("mcp.json"), JSON.stringify(config));
  await writeFile(inFolder("wrong.json"), JSON.stringify({ mcpServers: { city: { command: "no-such-program" } } }));
  // The small model calls a tool when it has seen how.
  const weather = [
    ["Rome", 18],
    ["Oslo", 3],
  ].flatMap(([city, celsius], index) => {
    const called = { name: "get_weather", arguments: JSON.stringify({ city }) };
    return [
      { role: "user", content: `How warm is it in ${city}?` },
      { role: "assistant", content: null, tool_calls: [{ id: `c${index}`, type: "function", function: called }] },
      { role: "tool", tool_call_id: `c${index}`, content: JSON.stringify({ celsius }) },
      { role: "assistant", content: `It is ${celsius} degrees in ${city}.` },
    ];
  });
  await writeFile(inFolder("weather.json"), JSON.stringify(weather));
});
afterAll(() => rm(folder, { recursive: true }));

test("the chat lists them, asks before a call, and shows what it gave", async () => {
  const { code, problem } = await chatAtTerminal(
    [
      { expect: "Ctrl-D leaves" },
      { expect: prompt },
      { send: "/tools\r" },
      { expect: "The weather in a city now" },
      { expect: prompt },
      { send: "How warm is it in Paris?\r" },
      { expect: "→ get_weather" },
      { expect: "Run get_weather" },
      { send: "y\r" },
      { expect: "← get_weather It is 21 degrees in Paris." },
      { expect: prompt },
      { send: ctrlD },
    ],
    fixed(),
    { CADUCEUS_STATE: folder },
  );
  expect({ code, problem }).toEqual({ code: 0, problem: null });
});

test("a single question prints the calls, and runs them with --yes-tools", async () => {
  const question = "How warm is it in Paris?";
  const printed = await runNode(cli, ["chat", ...fixed(), question]);
  expect(printed).toMatchObject({ code: 0, stdout: expect.stringContaining('"name":"get_weather"') });
  const ran = await runNode(cli, ["chat", ...fixed(), "--yes-tools", question]);
  expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining("It is 21 degrees in Paris.") });
});

test("a server that cannot be reached ends the command before a model is loaded", async () => {
  const { code, stderr } = await runNode(cli, ["chat", "--mcp", inFolder("wrong.json"), "Hi"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/city cannot be reached.*SYSTEM_ERROR/s);
  expect(stderr).not.toContain("Loading");
});
