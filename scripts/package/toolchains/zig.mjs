// Zig's C and C++ compiler, by which the prebuilt addons for Linux are made: it brings every glibc and musl, so that
// one machine builds for all of them, and what it builds for glibc 2.31 runs on any newer one. It comes from PyPI.
import path from "node:path";
import { cachedFolder } from "./cached_folder.mjs";
import { pipInstall } from "./pip_install.mjs";

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
    await pipInstall(`ziglang==${version}`, next, {
      log: "zig",
      what: "Fetching zig",
      options: ["--no-deps", "--only-binary=:all:"],
    });
  });
  return path.join(folder, program);
}
