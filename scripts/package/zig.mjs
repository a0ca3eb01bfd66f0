// Zig's C and C++ compiler, by which the prebuilt addons for Linux are made: it brings every glibc and musl, so that one machine
// builds for all of them, and what it builds for glibc 2.31 runs on any newer one. It comes from PyPI.
import { chmod, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { python, runLogged } from "../setup/run_logged.mjs";
import { cachedFolder } from "./cached_folder.mjs";

const version = "0.17.1";
const program = path.join("ziglang", process.platform === "win32" ? "zig.exe" : "zig");

/**
 * Fetched once, 90 MB.
 * @param {(text: string) => void} [report]
 * @returns {Promise<string>} full path of the program
 */
export async function zig(report = () => {}) {
  const folder = await cachedFolder(`zig-${version}`, program, async (next) => {
    report("fetching zig");
    await runLogged("zig", python, ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", next, `ziglang==${version}`], { what: "Fetching zig" });
    const wheel = (await readdir(next)).find((name) => name.endsWith(".whl")) ?? "";
    await runLogged("zig", python, ["-m", "zipfile", "-e", path.join(next, wheel), next], { append: true, what: "Unpacking zig" });
    await rm(path.join(next, wheel));
    // Wheels are unpacked without it.
    await chmod(path.join(next, program), 0o755);
  });
  return path.join(folder, program);
}
