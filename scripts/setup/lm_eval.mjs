// EleutherAI's harness in an environment of its own, for `npm run test:heavy -- lm_eval`. It fetches some 400 MB of
// packages.
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { cacheFolder } from "./paths.mjs";
import { python, runLogged } from "./run_logged.mjs";

// What asks a server needs no model library of its own.
const requirement = "lm-eval[api]==0.4.13";
const folder = path.join(cacheFolder, "lm-eval");
const stamp = path.join(folder, "installed.txt");
const bin = path.join(folder, process.platform === "win32" ? "Scripts" : "bin");

/** @returns {Promise<string>} the program */
export async function installLmEval() {
  const program = path.join(bin, "lm_eval");
  if ((await readFile(stamp, "utf8").catch(() => "")) === requirement) return program;
  await rm(folder, { recursive: true, force: true });
  const what = "The environment for lm-eval";
  await runLogged("lm-eval", python, ["-m", "venv", folder], { what });
  await runLogged("lm-eval", path.join(bin, "python"), ["-m", "pip", "install", "--quiet", requirement], { what });
  await writeFile(stamp, requirement);
  return program;
}
