// Help of commands that there are not. commander would print the next best help, and call that done.
import type { Command } from "commander";

/**
 * The words of a command line, with `help COMMAND` as `COMMAND --help`; without --help where no such command is:
 * parsing then refuses it, and names the nearest.
 */
export function helpWords(program: Command, words: readonly string[]): readonly string[] {
  const path: string[] = [];
  let command = program;
  let isHelp = false;
  for (const word of words) {
    // What follows is the command's own.
    if (command.commands.length === 0) break;
    if (word === "help") isHelp = true;
    if (word === "--help" || word === "-h" || word === "help") continue;
    if (word.startsWith("-")) return words;
    path.push(word);
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined) return path;
    command = next;
  }
  return isHelp ? [...path, "--help"] : words;
}
