// The chat as a person at a terminal sees it.
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { atTerminal, chatAtTerminal, ctrlC, ctrlD, ctrlZ, prompt, type Step } from "./chat_at_terminal.js";
import { cli } from "../run_program.js";

const up = "\u001b[A";
let state: string;
beforeAll(async () => {
  state = await mkdtemp(path.join(tmpdir(), "caduceus-state-"));
  await writeFile(path.join(state, "exists.json"), "[]");
});
afterAll(() => rm(state, { recursive: true }));

const chat = (
  steps: Step[],
  args: string[] = ["-n", "16", "--temp", "0"],
  env: Record<string, string | undefined> = {},
) => chatAtTerminal(steps, args, { CADUCEUS_STATE: state, ...env });

test("answers, remembers, lists its commands, and leaves by Ctrl-D with exit code 0", async () => {
  const { code, problem } = await chat([
    { expect: "Ctrl-D leaves" },
    { expect: prompt },
    { send: "Name the capital of France.\r" },
    { expect: "Paris" },
    { expect: prompt },
    { send: "/help\r" },
    { expect: "forgets the conversation" },
    { expect: prompt },
    { send: "/clear\r" },
    { expect: "is forgotten" },
    { expect: prompt },
    { send: "/nonsense\r" },
    { expect: "There is no command /nonsense." },
    { expect: prompt },
    { send: ctrlD },
  ]);
  expect({ code, problem }).toEqual({ code: 0, problem: null });
});

test("Ctrl-C stops the reply, and a second one leaves", async () => {
  const { code, problem } = await chat(
    [
      { expect: prompt },
      { send: "Tell a very long story about a lighthouse.\r" },
      { expect: " the " },
      { send: ctrlC },
      { expect: "(stopped" },
      { expect: prompt },
      { send: ctrlC },
    ],
    ["-n", "2000", "--temp", "0"],
  );
  expect({ code, problem }).toEqual({ code: 0, problem: null });
});

test.each([
  ["Ctrl-C twice at once", ctrlC + ctrlC],
  ["Ctrl-D", ctrlD],
])("%s leaves in the middle of a reply, though another question waits", async (_, keys) => {
  const { code, problem } = await chat(
    [
      { expect: prompt },
      { send: "Tell a very long story about a lighthouse.\r" },
      { expect: " the " },
      { send: "And then?\r" },
      { send: keys },
      { expect: "(stopped" },
    ],
    ["-n", "2000", "--temp", "0"],
  );
  expect({ code, problem }).toEqual({ code: 0, problem: null });
});

test("Ctrl-C clears a line that has been typed, and /exit leaves", async () => {
  const { code, problem, shown } = await chat([
    { expect: prompt },
    { send: "not this one" },
    { expect: "this one" },
    { send: ctrlC },
    { send: "/exit\r" },
  ]);
  expect({ code, problem }).toEqual({ code: 0, problem: null });
  expect(shown).not.toContain("There is no command");
});

test("the arrow keys bring back questions of an earlier chat, from a file that only its owner can read", async () => {
  const first = await chat(
    [{ expect: prompt }, { send: "What is a marmot?\r" }, { expect: prompt }, { send: ctrlD }],
    ["-n", "4"],
  );
  expect(first.problem).toBeNull();
  const file = path.join(state, "history");
  expect(await readFile(file, "utf8")).toContain("What is a marmot?");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { problem } = await chat([
    { expect: prompt },
    { send: up },
    { expect: "What is a marmot?" },
    { send: ctrlC },
    { send: ctrlD },
  ]);
  expect(problem).toBeNull();
});

test("a question that does not fit is told, and the chat goes on", async () => {
  const { code, problem } = await chat(
    [
      { expect: prompt },
      { send: `${"word ".repeat(80)}\r` },
      { expect: "shorten it by" },
      { expect: prompt },
      { send: "Hi\r" },
      { expect: prompt },
      { send: ctrlD },
    ],
    ["-n", "4", "-c", "64"],
  );
  expect({ code, problem }).toEqual({ code: 0, problem: null });
});

test("NO_COLOR keeps colors away, and without it lines on standard error are dimmed", async () => {
  const steps: Step[] = [{ expect: prompt }, { send: ctrlD }];
  expect(
    (
      await chat(steps, [], {
        NO_COLOR: undefined,
        FORCE_COLOR: undefined,
        NODE_DISABLE_COLORS: undefined,
        CI: undefined,
      })
    ).shown,
  ).toContain("\u001b[2m");
  expect((await chat(steps, [], { NO_COLOR: "1", FORCE_COLOR: undefined })).shown).not.toMatch(/\u001b\[\d*m/);
});

// A shell is what stops and continues its jobs.
const shellPrompt = "shell-is-waiting ";
const inShell = (steps: Step[], args: string) =>
  atTerminal(
    [
      // In halves, since the terminal shows what is typed.
      { send: `PS1='shell-is-'"waiting "\r` },
      { expect: shellPrompt },
      { send: `"${process.execPath}" "${cli}" chat ${args}\r` },
      { expect: "Ctrl-D leaves" },
      { expect: prompt },
      ...steps,
      { send: ctrlD },
      { expect: shellPrompt },
      { send: "exit\r" },
    ],
    ["sh", "-i"],
    { CADUCEUS_STATE: state, ENV: undefined },
  );
const stopAndContinue: Step[] = [
  { send: ctrlZ },
  { expect: "Stopped" },
  { expect: shellPrompt },
  { send: "echo between-$((1+1))\r" },
  { expect: "between-2" },
  { expect: shellPrompt },
  { send: "fg\r" },
];

test.skipIf(process.platform === "win32")(
  "Ctrl-Z and fg leave the conversation as it was, with what is typed so far, however often",
  async () => {
    const { code, problem } = await inShell(
      [
        ...stopAndContinue,
        { expect: prompt },
        { send: "Name the capital" },
        { expect: "Name the capital" },
        ...stopAndContinue,
        { expect: "> Name the capital" },
        { send: " of France.\r" },
        { expect: "Paris" },
        { expect: prompt },
        ...stopAndContinue,
        { expect: prompt },
        { send: "/forks\r" },
        { expect: "3 messages" },
        { expect: prompt },
      ],
      "-n 16 --temp 0",
    );
    expect({ code, problem }).toEqual({ code: 0, problem: null });
  },
);

test.skipIf(process.platform === "win32")(
  "Ctrl-Z stops a reply and a question about a call in their middle, and fg goes on with them",
  async () => {
    const { code, problem } = await inShell(
      [
        { send: "Tell a very long story about a lighthouse.\r" },
        { expect: " the " },
        ...stopAndContinue,
        { expect: " the " },
        { send: ctrlC },
        { expect: "(stopped" },
        { expect: prompt },
        { send: `/save ${path.join(state, "exists.json")}\r` },
        { expect: "Replace it?" },
        ...stopAndContinue,
        { expect: "Replace it?" },
        { send: "n\r" },
        { expect: "Nothing was saved" },
        { expect: prompt },
      ],
      "-n 2000 --temp 0",
    );
    expect({ code, problem }).toEqual({ code: 0, problem: null });
  },
);

test("Ctrl-Z where no shell could continue the program changes nothing", async () => {
  const { code, problem } = await chat([
    { expect: prompt },
    { send: ctrlZ },
    { send: "Name the capital of France.\r" },
    { expect: "Paris" },
    { expect: prompt },
    { send: ctrlD },
  ]);
  expect({ code, problem }).toEqual({ code: 0, problem: null });
});
