// Python packages in an environment of their own, for tests that ask the server as their users do.
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { cacheFolder } from "./paths.mjs";
import { python, runLogged } from "./run_logged.mjs";

/**
 * @param {string} name of the environment
 * @param {string[]} requirements
 * @returns {Promise<string>} the folder of its programs
 */
export async function installPackages(name, requirements) {
  const folder = path.join(cacheFolder, name);
  const stamp = path.join(folder, "installed.txt");
  const bin = path.join(folder, process.platform === "win32" ? "Scripts" : "bin");
  if ((await readFile(stamp, "utf8").catch(() => "")) === requirements.join("\n")) return bin;
  await rm(folder, { recursive: true, force: true });
  const what = `The environment for ${name}`;
  await runLogged(name, python, ["-m", "venv", folder], { what });
  await runLogged(name, path.join(bin, "python"), ["-m", "pip", "install", "--quiet", ...requirements], { what });
  await writeFile(stamp, requirements.join("\n"));
  return bin;
}
