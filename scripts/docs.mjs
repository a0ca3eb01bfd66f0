// `npm run docs` builds the site of docs/ into docs/.vitepress/dist; `npm run docs:dev` serves it while it is written.
// Both write the reference first, from the sources' own comments. A dead link, or a public name without a comment,
// fails.
import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import path from "node:path";
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { runLogged, SetupError } from "./setup/run_logged.mjs";
import { showProgress } from "./setup/progress.mjs";
import { root } from "./setup/paths.mjs";

const docs = path.join(root, "docs");
const typedoc = path.join(docs, "node_modules/typedoc/bin/typedoc");
const vitepress = path.join(docs, "node_modules/vitepress/bin/vitepress.js");

await command(async () => {
  const goal = process.argv[2] ?? "build";
  if (goal !== "build" && goal !== "dev") throw new SetupError(`Invalid argument: ${goal}. Expected build or dev.`);
  await setUp("docs");
  await rm(path.join(docs, "reference"), { recursive: true, force: true });
  await showProgress("reference", () =>
    runLogged("typedoc", process.execPath, [typedoc], { cwd: docs, what: "typedoc" }).then(() => {}),
  );
  if (goal === "dev") {
    const child = spawn(process.execPath, [vitepress, "dev", "."], { cwd: docs, stdio: "inherit" });
    child.on("exit", (code) => (process.exitCode = code ?? 1));
    return;
  }
  await showProgress("site", () =>
    runLogged("site", process.execPath, [vitepress, "build", "."], { cwd: docs, what: "vitepress" }).then(() => {}),
  );
  process.stderr.write(`built in ${path.relative(root, path.join(docs, ".vitepress", "dist"))}\n`);
});
