// What docs/cli.md says is all there is, and nothing else.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { commands } from "../../../src/cli/chat/commands.js";
import { createProgram } from "../../../src/cli/program.js";

const text = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
const withAll = (command: Command): Command[] => [command, ...command.commands.flatMap(withAll)];
const all = withAll(createProgram(new AbortController().signal));

test("names every flag of every command, short and long, and no other", () => {
  const known = new Set(
    all
      .flatMap(({ options }) => options.flatMap(({ short, long }) => [short, long]))
      .filter((flag) => flag !== undefined),
  );
  for (const flag of known) expect(text, flag).toMatch(new RegExp(`\`(?:[^\`]* )?${flag}[\` ]`));
  for (const [, flag = ""] of text.matchAll(/(--[a-z][a-z-]+)/g)) expect([...known, "--help"]).toContain(flag);
});

test("names every command, its other names, and every command of the chat", () => {
  for (const command of all.slice(1))
    for (const name of [command.name(), ...command.aliases()])
      expect(text, name).toMatch(new RegExp(`\`(?:eval )?${name}[\` ]`));
  for (const { name } of commands) expect(text, name).toMatch(new RegExp(`\`${name}[\` ]`));
});
