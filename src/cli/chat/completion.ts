// What the tab key offers: commands, files and forks.
import { readdirSync } from "node:fs";
import path from "node:path";
import { expandHome } from "../../system/home_folder.js";
import { commands } from "./commands.js";

/** The ways a line may go on, and the part of it that each of them replaces, as readline wants it. */
export function completeLine(line: string, forks: readonly string[]): [string[], string] {
  if (!line.startsWith("/")) return [[], line];
  const [, name = "", argument] = /^(\S+)(?:\s+(.*))?$/s.exec(line) ?? [];
  const command = commands.find((one) => one.name === name);
  if (command === undefined || argument === undefined) {
    const names = commands.filter((one) => one.name.startsWith(line));
    return [names.map((one) => (one.argument === undefined ? one.name : `${one.name} `)), line];
  }
  const offers = command.completes === "file" ? files(argument) : command.completes === "fork" ? forks : [];
  return [offers.filter((offer) => offer.startsWith(argument)), argument];
}

/** What lies in the folder that is typed so far; folders end with a slash. */
function files(typed: string): string[] {
  const folder = typed.slice(0, typed.lastIndexOf("/") + 1);
  const showsHidden = path.basename(typed).startsWith(".") && !typed.endsWith("/");
  try {
    return readdirSync(expandHome(folder) || ".", { withFileTypes: true })
      .filter(({ name }) => showsHidden || !name.startsWith("."))
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? "/" : ""}`);
  } catch {
    return [];
  }
}
