// The help of each command: how its lines are broken at a terminal's width, and that it names what the command has.
import type { Command } from "commander";
import { expect, test } from "vitest";
import { helpWords } from "../../../src/cli/output/help_words.js";
import { wrapHelp } from "../../../src/cli/output/help_text.js";
import { createProgram } from "../../../src/cli/program.js";
import { routes } from "../../../src/server/routes.js";

const withAll = (command: Command): Command[] => [command, ...command.commands.flatMap(withAll)];
const nameOf = (command: Command): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;

/** The help of every command, by its name. */
function helpAt(width: number): [string, string][] {
  return withAll(createProgram(new AbortController().signal)).map((command) => {
    let text = "";
    command.configureOutput({ getOutHelpWidth: () => width, writeOut: (part) => (text += part) });
    command.outputHelp();
    return [nameOf(command), text];
  });
}

const words = (text: string) =>
  text
    .replaceAll("\\\n", "")
    .split(/\s+/)
    .filter((word) => word !== "");
const wide = new Map(helpAt(1000));

test.each([72, 80, 120])("no line is longer than %i columns, and no word is broken", (width) => {
  for (const [name, text] of helpAt(width)) {
    expect(
      text.split("\n").filter((line) => line.length > width),
      name,
    ).toEqual([]);
    expect(words(text), name).toEqual(words(wide.get(name)!));
  }
});

test("paragraphs flow, terms keep their column, and a command goes on after a backslash", () => {
  const text =
    "\nOne two three\nfour five.\n\nNames:\n  first    what the first of them is\n           and more\n  run --flag value --other value\n";
  expect(wrapHelp(text, 24)).toBe(
    "\nOne two three four five.\n\nNames:\n  first    what the\n           first of them\n           is and more\n  run --flag value \\\n      --other value\n",
  );
  expect(wrapHelp(text, 100)).toBe(
    "\nOne two three four five.\n\nNames:\n  first    what the first of them is and more\n  run --flag value --other value\n",
  );
});

test("serve lists every path that it serves", () => {
  const listed = new Set(words(wide.get("caduceus serve")!));
  expect([...routes.values()].filter(({ path }) => !listed.has(path))).toEqual([]);
});

test.each<[string, string]>([
  ["help", "--help"],
  ["help chat", "chat --help"],
  ["help help", "--help"],
  ["help eval json", "eval json --help"],
  ["eval help json", "eval json --help"],
  ["help ls", "ls --help"],
  ["help eval", "eval --help"],
  ["help run more", "run --help"],
  ["run help me", "run help me"],
  ["run --help", "run --help"],
  ["--help", "--help"],
  ["-V", "-V"],
  ["eval json --help", "eval json --help"],
  ["help --unknown", "help --unknown"],
  ["", ""],
  ["chta", "chta"],
])("%j is read as %j", (given, read) => {
  const split = (line: string) => line.split(" ").filter((word) => word !== "");
  expect(helpWords(createProgram(new AbortController().signal), split(given))).toEqual(split(read));
});

test.each<[string, string, string?]>([
  ["help nope", "nope"],
  ["help chatt", "chatt", "chat"],
  ["nope --help", "nope"],
  ["rnu -h", "rnu", "run"],
  ["--help rnu", "rnu", "run"],
  ["help eval jsn", "jsn", "json"],
  ["eval jsn --help", "jsn", "json"],
  ["eval help jsn", "jsn", "json"],
])("%j is refused: there is no such command", async (line, name, near) => {
  let [out, errors] = ["", ""];
  const program = createProgram(new AbortController().signal);
  for (const command of withAll(program))
    command.exitOverride().configureOutput({ writeOut: (part) => (out += part), writeErr: (part) => (errors += part) });
  await expect(program.parseAsync(helpWords(program, line.split(" ")), { from: "user" })).rejects.toMatchObject({
    code: "commander.unknownCommand",
  });
  expect(out).toBe("");
  expect(errors).toContain(`unknown command '${name}'${near === undefined ? "" : `\n(Did you mean ${near}?)`}`);
});
