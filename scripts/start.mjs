// `npm start`: sets up what is missing, then chats. What stands after `--` goes to `caduceus chat`.
import { pathToFileURL } from "node:url";
import path from "node:path";
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { root } from "./setup/paths.mjs";

let ready = false;
await command(async () => {
  await setUp("start");
  ready = true;
});

if (ready) {
  // In this process, so that the terminal, its signals and the exit code are the program's own.
  const main = path.join(root, "dist", "cli", "main.js");
  process.argv = [process.execPath, main, "chat", ...process.argv.slice(2)];
  await import(pathToFileURL(main).href);
}
