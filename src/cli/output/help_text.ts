// What stands below the options in a command's help, in lines no longer than the terminal's.
import type { Command } from "commander";

/**
 * For `addHelpText`. Lines without indentation are paragraphs and flow. Lines with two spaces are kept apart: a term
 * and, two spaces on, what it means; or a command, which goes on after a backslash. Lines with more go on from the one
 * above.
 */
export const helpText =
  (text: string) =>
  ({ command }: { readonly command: Command }): string =>
    wrapHelp(text, command.configureOutput().getOutHelpWidth?.() ?? 80);

export function wrapHelp(text: string, width: number): string {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const last = lines.at(-1) ?? "";
    const indent = /^ */.exec(line)![0].length;
    const goesOn = line !== "" && last !== "" && (indent > 2 || (indent === 0 && !last.startsWith(" ")));
    if (goesOn) lines[lines.length - 1] = `${last} ${line.trim()}`;
    else lines.push(line);
  }
  return lines.map((line) => wrapLine(line, width)).join("\n");
}

function wrapLine(line: string, width: number): string {
  if (line.length <= width) return line;
  if (!line.startsWith(" ")) return wrapWords("", line.split(/ +/), "", width);
  const term = /^ {2}\S.*? {2,}(?=\S)/.exec(line)?.[0];
  return term === undefined
    ? wrapWords("  ", line.trim().split(/ (?=-|\| )/), "      ", width, " \\")
    : wrapWords(term, line.slice(term.length).split(/ +/), " ".repeat(term.length), width);
}

/** Words are never broken, nor is a flag from its value: one that is too long stands on a line of its own. */
function wrapWords(first: string, words: readonly string[], indent: string, width: number, mark = ""): string {
  const lines: string[] = [];
  let line = first;
  for (const word of words) {
    const isEmpty = line.trim() === "" || line === first;
    if (!isEmpty && line.length + 1 + word.length + mark.length > width) {
      lines.push(line + mark);
      line = indent + word;
    } else {
      line += isEmpty ? word : ` ${word}`;
    }
  }
  return [...lines, line].join("\n");
}
