// A coding agent at the terminal: node agent.mjs [FOLDER] [--test "npm test"] [--model NAME]
import { realpath } from "node:fs/promises";
import { parseArgs } from "node:util";
import { load } from "caduceus";
import { runSession } from "./session.mjs";
import { Workspace } from "./workspace.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { test: { type: "string", default: "" }, model: { type: "string", default: "hermes-2-pro" } },
});
const workspace = new Workspace(await realpath(positionals[0] ?? "."));
const testCommand = flags.test.split(" ").filter((word) => word !== "");

const model = await load(flags.model);
await runSession(model, workspace, testCommand);
await model.close();
