// Zig's C and C++ compiler, by which the prebuilt addons for Linux are made: it brings every glibc and musl, so that one machine
// builds for all of them, and what it builds for glibc 2.31 runs on any newer one. It comes from PyPI.
import { chmod, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { cacheFolder } from "../setup/paths.mjs";
import { withLock } from "../setup/lock.mjs";
import { runLogged } from "../setup/run_logged.mjs";

const version = "0.17.1";
const python = process.platform === "win32" ? "python" : "python3";

/**
 * Fetched once, 90 MB.
 * @param {(text: string) => void} [report]
 * @returns {Promise<string>} full path of the program
 */
export async function zig(report = () => {}) {
  const folder = path.join(cacheFolder, `zig-${version}`);
  const program = path.join(folder, "ziglang", process.platform === "win32" ? "zig.exe" : "zig");
  await withLock("zig", async () => {
    if (await stat(program).then(() => true, () => false)) return;
    report("fetching zig");
    const next = `${folder}.${process.pid}`;
    try {
      await mkdir(next, { recursive: true });
      await runLogged("zig", python, ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", next, `ziglang==${version}`], { what: "Fetching zig" });
      const wheel = (await readdir(next)).find((name) => name.endsWith(".whl")) ?? "";
      await runLogged("zig", python, ["-m", "zipfile", "-e", path.join(next, wheel), next], { append: true, what: "Unpacking zig" });
      await rm(path.join(next, wheel));
      // Wheels are unpacked without it.
      await chmod(path.join(next, "ziglang", path.basename(program)), 0o755);
      await rm(folder, { recursive: true, force: true });
      await rename(next, folder);
    } finally {
      await rm(next, { recursive: true, force: true });
    }
  });
  return program;
}
