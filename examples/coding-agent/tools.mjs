// What the model can do, and what of it somebody has to allow.
import { tool } from "caduceus";
import { z } from "zod";
import { runCommand } from "./run_command.mjs";

const file = z.string().min(1).describe("Path of the file, relative to the folder");

/** @param {import("./workspace.mjs").Workspace} workspace @param {readonly string[]} testCommand may be empty */
export function createTools(workspace, testCommand) {
  const tools = [
    tool({
      name: "list_files",
      description: "The paths of all files",
      execute: async () => (await workspace.list()).slice(0, 500).join("\n"),
    }),
    tool({
      name: "read_file",
      description: "The text of a file, or some of its lines",
      parameters: z.object({ file, firstLine: z.int().min(1).optional(), lastLine: z.int().min(1).optional() }),
      execute: async ({ file, firstLine = 1, lastLine }) =>
        (await workspace.read(file)).split("\n").slice(firstLine - 1, lastLine).join("\n"),
    }),
    tool({
      name: "search",
      description: "The lines of all files that contain a text",
      parameters: z.object({ text: z.string().min(1) }),
      execute: async ({ text }) => (await workspace.search(text, 50)).join("\n") || "Nothing was found.",
    }),
    tool({
      name: "edit_file",
      description: "Replaces a text that occurs once in a file",
      parameters: z.object({ file, find: z.string().min(1), replacement: z.string() }),
      execute: ({ file, find, replacement }) => workspace.replace(file, find, replacement).then(() => "Done."),
    }),
    tool({
      name: "write_file",
      description: "Writes a whole file, new or over an older one",
      parameters: z.object({ file, text: z.string() }),
      execute: ({ file, text }) => workspace.write(file, text).then(() => "Done."),
    }),
  ];
  const runTests = tool({
    name: "run_tests",
    description: "Runs the project's tests and tells the end of their output",
    // The command is the user's, not the model's.
    execute: (_, { signal }) => runCommand(testCommand, workspace.root, signal),
  });
  return testCommand.length === 0 ? tools : [...tools, runTests];
}

/**
 * What somebody has to allow before it is done; undefined of what only reads. Throws if it cannot be done at all.
 * @param {import("./workspace.mjs").Workspace} workspace @param {readonly string[]} testCommand
 * @param {{ readonly name: string, readonly arguments: any }} call
 */
export async function describeChange(workspace, testCommand, { name, arguments: args }) {
  const lines = (/** @type {string} */ mark, /** @type {string} */ text) => text.replaceAll(/^/gm, mark);
  switch (name) {
    case "edit_file":
      await workspace.target(args.file);
      return `Edit ${args.file}:\n${lines("- ", args.find)}\n${lines("+ ", args.replacement)}`;
    case "write_file": {
      await workspace.target(args.file);
      const old = await workspace.read(args.file).catch(() => undefined);
      const over = old === undefined ? "a new file" : `over its ${old.split("\n").length} lines`;
      return `Write ${args.file}, ${over}:\n${lines("+ ", args.text)}`;
    }
    case "run_tests":
      return `Run ${testCommand.join(" ")}`;
  }
}
