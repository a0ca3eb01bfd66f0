// What heavy tests try the packed package in: a project of its own, outside the repository.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";

/** `packages` are files that `npm pack` made, CADUCEUS_PACKAGE first. */
export function installPackage(folder: string, ...packages: readonly string[]): void {
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "someone", private: true, type: "module" }));
  const all = [process.env["CADUCEUS_PACKAGE"] ?? "", ...packages];
  execFileSync(
    "npm",
    ["install", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--prefer-offline", ...all],
    { cwd: folder, stdio: ["ignore", "ignore", "inherit"], shell: process.platform === "win32" },
  );
}
