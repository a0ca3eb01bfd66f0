// The commands of the chat, as a person at a terminal uses them.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chatAtTerminal, ctrlC, ctrlD, prompt, type Step } from "./chat_at_terminal.js";
import { cli, runNode } from "../run_program.js";

/** Many answers in one chat, each quick. */
const patientMs = 300_000;
const fixed = ["--temp", "0", "-n", "40"];
let folder: string;
const inFolder = (name: string) => path.join(folder, name);
const read = async (name: string) =>
  JSON.parse(await readFile(inFolder(name), "utf8")) as { role: string; content: string }[];
const chat = (steps: Step[], args: string[] = fixed) =>
  chatAtTerminal(steps, args, { CADUCEUS_STATE: folder }, patientMs);
/** Types a line, sees some words, and waits for the prompt. */
const type = (line: string, ...words: string[]): Step[] => [
  { send: `${line}\r` },
  ...words.map((word) => ({ expect: word })),
  { expect: prompt },
];
const begin: Step[] = [{ expect: "Ctrl-D leaves" }, { expect: prompt }];

// The small model calls a tool when it has seen how.
const weather = [
  ["Rome", 18],
  ["Oslo", 3],
].flatMap(([city, celsius], index) => [
  { role: "user", content: `How warm is it in ${city}?` },
  {
    role: "assistant",
    content: null,
    tool_calls: [
      { id: `c${index}`, type: "function", function: { name: "get_weather", arguments: JSON.stringify({ city }) } },
    ],
  },
  { role: "tool", tool_call_id: `c${index}`, content: JSON.stringify({ celsius }) },
  { role: "assistant", content: `It is ${celsius} degrees in ${city}.` },
]);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-chat-"));
  await writeFile(inFolder("weather.json"), JSON.stringify(weather));
  await writeFile(
    inFolder("tools.mjs"),
    `export const weather = {
    name: "get_weather", description: "The weather in a city now", execute: ({ city }) => ({ city, celsius: 21 }),
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
  };`,
  );
  await writeFile(
    inFolder("tools.json"),
    JSON.stringify([
      {
        type: "function",
        function: {
          name: "get_weather",
          description: "By hand",
          parameters: {
            type: "object",
            properties: { city: { type: "string" } },
            required: ["city"],
            additionalProperties: false,
          },
        },
      },
    ]),
  );
  await writeFile(
    inFolder("schema.json"),
    JSON.stringify({
      type: "object",
      properties: { city: { type: "string", maxLength: 8 } },
      required: ["city"],
      additionalProperties: false,
    }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

test(
  "a call is shown and asked about: yes runs it, no tells the model, Ctrl-C stops, always asks no more; explain and stats tell the rest",
  async () => {
    const { code, problem, shown } = await chat(
      [
        ...begin,
        ...type("/tools", "get_weather", "The weather in a city now"),
        { send: "How warm is it in Paris?\r" },
        { expect: "→ get_weather" },
        { expect: "Run get_weather" },
        { send: "what?\r" },
        { expect: "Run get_weather" },
        ...type("y", "← get_weather", '"celsius": 21', "21 degrees"),
        { send: "How warm is it in Berlin?\r" },
        { expect: "Run get_weather" },
        ...type("n", "not allowed"),
        { send: "How warm is it in Madrid?\r" },
        { expect: "Run get_weather" },
        { send: ctrlC },
        { expect: "(stopped" },
        { expect: prompt },
        { send: "How warm is it in Madrid?\r" },
        { expect: "Run get_weather" },
        ...type("a", "← get_weather"),
        ...type("How warm is it in Lisbon?", "← get_weather"),
        ...type("/explain", "Format: ", "--- prompt", "Lisbon", "tokens, "),
        ...type("/stats", "Tokens of prompts", "Last answer"),
        ...type(`/tools ${inFolder("tools.json")}`, "you answer it"),
        ...type(`/load ${inFolder("weather.json")}`, "as fork weather"),
        { send: "How warm is it in Vienna?\r" },
        { expect: "What does get_weather" },
        ...type("12", "← get_weather"),
        ...type("/tools off", "no tools any more"),
        ...type(`/save ${inFolder("by hand.json")}`, "messages are in"),
        ...type("/switch main", "This is fork main"),
        ...type(`/save ${inFolder("weather after.json")}`, "messages are in"),
        { send: ctrlD },
      ],
      [...fixed, "--tools", inFolder("tools.mjs"), "--load", inFolder("weather.json")],
    );
    expect({ code, problem }).toEqual({ code: 0, problem: null });
    expect(shown.split("Run get_weather")).toHaveLength(6);
    const saved = await read("weather after.json");
    const results = saved
      .filter(({ role }) => role === "tool")
      .slice(2)
      .map(({ content }) => content);
    expect(results[0]).toContain('"celsius": 21');
    expect(results[1]).toContain("not allowed");
    expect((await read("by hand.json")).findLast(({ role }) => role === "tool")?.content).toContain("12");
    expect(saved.filter(({ role, content }) => role === "user" && content.includes("Madrid"))).toHaveLength(1);
  },
  patientMs,
);

test(
  "several lines are one question; forks, a schema, saving and loading do what they say",
  async () => {
    const [pasteBegins, pasteEnds] = ["\u001b[200~", "\u001b[201~"];
    const { code, problem } = await chat(
      [
        ...begin,
        { send: "one \\\r" },
        { expect: "\u001b[0J. " },
        ...type("two"),
        { send: `${pasteBegins}/three\n\tfour\n${pasteEnds}` },
        { expect: "four" },
        ...type("five"),
        { send: '"""six\r' },
        { expect: "\u001b[0J. " },
        ...type('seven"""'),
        { send: "not this\\\r" },
        { expect: "\u001b[0J. " },
        { send: ctrlC },
        { expect: prompt },
        ...type("/fork side", "This is fork side"),
        ...type(`/schema ${inFolder("schema.json")}`, "Answers are JSON"),
        ...type("A city, please.", '{"city": '),
        ...type("/schema off", "free text"),
        ...type("/forks", "main", "* ", "side", "A city"),
        ...type(`/save ${inFolder("side.json")}`, "9 messages"),
        ...type("/switch main", "7 messages"),
        { send: `/save ${inFolder("side.json")}\r` },
        { expect: "exists. Replace it?" },
        ...type("", "Nothing was saved."),
        ...type(`/save ${inFolder("main.json")}`, "7 messages"),
        ...type("/save", "7 messages", "in the place of what was there"),
        { send: `/load ${inFolder("si")}\t` },
        { expect: "side.json" },
        ...type("", "9 messages are loaded, as fork 2"),
        ...type("/clear", "is forgotten"),
        ...type("/explain", "no answer in this fork yet"),
        ...type("/load", "Expected /load FILE."),
        ...type(`/load ${inFolder("tools.json")}`, "Expected one of"),
        ...type("/tools /nowhere.mjs", "There is no file /nowhere.mjs"),
        ...type("/switch nowhere", "There is no fork nowhere"),
        ...type("/exit now", "Expected nothing after /exit."),
        { send: "/exit\r" },
      ],
      ["--temp", "0", "-n", "12"],
    );
    expect({ code, problem }).toEqual({ code: 0, problem: null });
    const [main, side] = [await read("main.json"), await read("side.json")];
    expect(main.filter(({ role }) => role === "user").map(({ content }) => content)).toEqual([
      "one \ntwo",
      "/three\n\tfour\nfive",
      "six\nseven",
    ]);
    expect(main[0]).toEqual({ role: "system", content: "You are a helpful assistant." });
    expect(side.slice(0, 7)).toEqual(main);
    expect(JSON.parse(side[8]!.content)).toEqual({ city: expect.any(String) });
  },
  patientMs,
);

test(
  "run takes the same files: calls are printed or run, JSON fits or fails with exit code 1",
  async () => {
    const run = (...args: string[]) => runNode(cli, ["run", ...fixed, ...args]);
    const tools = ["--load", inFolder("weather.json"), "--tools", inFolder("tools.mjs")];
    const printed = await run(...tools, "How warm is it in Paris?");
    expect({ ...printed, milliseconds: 0 }).toMatchObject({
      code: 0,
      stdout: '{"name":"get_weather","arguments":{"city":"Paris"}}\n',
      stderr: "",
    });
    const ran = await run(...tools, "--yes-tools", "How warm is it in Paris?");
    expect(ran).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("21"),
      stderr: expect.stringMatching(/^→ get_weather .*Paris.*\n← get_weather .*21/),
    });
    const json = await run("--schema", inFolder("schema.json"), "--json", "A city, please.");
    expect(JSON.parse(json.stdout)).toMatchObject({ value: { city: expect.any(String) } });
    expect(await run("--schema", inFolder("schema.json"), "-n", "2", "A city, please.")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("cut the answer off"),
    });
    expect(await run("--tools", inFolder("weather.json"), "Hi")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("(INVALID_TOOL)"),
    });
    expect(await run("--schema", "/nowhere.json", "Hi")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: "caduceus: There is no file /nowhere.json.\n",
    });
  },
  patientMs,
);
