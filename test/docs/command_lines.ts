// Command lines of the pages, read as a shell would: enough of one to hand each command to whoever knows its flags.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { createProgram } from "../../src/cli/program.js";
import type { Command } from "commander";
import { root, type Block } from "./markdown.js";

export interface CommandLine {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

/** One for each line; a backslash at its end joins it with the next. */
export function commandLines({ page, line, code }: Block): CommandLine[] {
  const found: CommandLine[] = [];
  let begun = "";
  code.split("\n").forEach((text, index) => {
    const whole = begun + text;
    begun = whole.endsWith("\\") ? whole.slice(0, -1) : "";
    if (begun === "" && whole.trim() !== "" && !whole.trim().startsWith("#"))
      found.push({ page, line: line + index, text: whole.trim() });
  });
  return found;
}

/** Undefined, or what is wrong. */
export async function checkCommandLine(text: string): Promise<string | undefined> {
  for (const words of splitCommands(text)) {
    const problem = await checkCommand(words).catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    );
    if (problem !== undefined) return `${words.join(" ")}: ${problem}`;
  }
  return undefined;
}

/** The words of each command of a pipeline, without comments, variables set in front and what is redirected. */
function splitCommands(text: string): string[][] {
  const tokens = [...text.matchAll(/\s+#.*$|"((?:[^"\\]|\\.)*)"|'([^']*)'|(\|\||&&|[|<>]|>>)|([^\s"'|<>&]+)/g)];
  const commands: string[][] = [[]];
  let isTarget = false;
  for (const [token, double, single, operator, bare] of tokens) {
    if (/^\s+#/.test(token)) break;
    if (operator === undefined && !isTarget) commands.at(-1)!.push(double ?? single ?? bare ?? "");
    isTarget = operator === "<" || operator === ">" || operator === ">>";
    if (operator !== undefined && !isTarget) commands.push([]);
  }
  return commands.map((words) => words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word))));
}

async function checkCommand([program = "", ...args]: readonly string[]): Promise<string | undefined> {
  if (program === "caduceus") return checkCaduceus(args);
  if (program === "npx" && args[0] === "caduceus") return checkCaduceus(args.slice(1));
  if (program === "npm") return checkNpm(args);
  if (program === "node")
    return args[0] !== undefined && existsSync(path.join(root, args[0])) ? undefined : "there is no such file";
  return ["echo", "git", "jq", "cd", "export", "vllm"].includes(program)
    ? undefined
    : "nothing is known of this program";
}

/** By the command line's own definition, which does nothing here but read. */
async function checkCaduceus(args: readonly string[]): Promise<undefined> {
  const program = createProgram(new AbortController().signal);
  const disarm = (command: Command): void => {
    command.configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (command.commands.length === 0) command.action(() => {});
    command.commands.forEach(disarm);
  };
  disarm(program);
  await program.parseAsync([...args], { from: "user" });
}

const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

/** Scripts of this package; their flags where somebody can read them without running. */
async function checkNpm(args: readonly string[]): Promise<string | undefined> {
  const [verb = "", name = ""] = args;
  if (["ci", "install", "pack"].includes(verb)) return undefined;
  const script = verb === "run" ? name : verb;
  if (scripts[script] === undefined) return `there is no script ${script}`;
  const flags = args.includes("--") ? args.slice(args.indexOf("--") + 1) : [];
  if (script === "start") return checkCaduceus(["chat", ...flags]);
  if (["build", "test:native", "test:schemas"].includes(script)) {
    const { parseBuildArguments } = (await import(
      new URL("../../scripts/build/build_options.mjs", import.meta.url).href
    )) as {
      parseBuildArguments(args: readonly string[]): Promise<unknown>;
    };
    await parseBuildArguments(flags);
  }
  return undefined;
}
