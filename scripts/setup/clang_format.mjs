// clang-format, from the Python package that carries it: the same version everywhere.
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { cacheFolder } from "./paths.mjs";
import { python, runLogged } from "./run_logged.mjs";

const requirement = "clang-format==23.1.5";
const folder = path.join(cacheFolder, "clang-format");
const stamp = path.join(folder, "installed.txt");
export const clangFormat = path.join(
  folder,
  "unpacked",
  "clang_format",
  "data",
  "bin",
  process.platform === "win32" ? "clang-format.exe" : "clang-format",
);

export const isClangFormatInstalled = async () => (await readFile(stamp, "utf8").catch(() => "")) === requirement;

export async function installClangFormat() {
  const what = "The package clang-format";
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const pip = [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--only-binary",
    ":all:",
    "--dest",
    folder,
    requirement,
  ];
  await runLogged("clang-format", python, pip, { what });
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  await runLogged(
    "clang-format",
    python,
    ["-m", "zipfile", "-e", path.join(folder, wheel ?? ""), path.join(folder, "unpacked")],
    { what },
  );
  await chmod(clangFormat, 0o755);
  await writeFile(stamp, requirement);
}
