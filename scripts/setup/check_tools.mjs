// Checks for the tools that npm cannot install. The message names what is missing and the command that installs it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { SetupError } from "./run_logged.mjs";

/** @typedef {"compiler" | "cmake" | "git" | "python" | "rust"} Tool */

/** What each is called by the package managers people have. Undefined: there is no such package, see the address. */
const packages = {
  compiler: {
    name: "a C++20 compiler",
    apt: "g++ make",
    dnf: "gcc-c++ make",
    pacman: "gcc make",
    apk: "g++ make linux-headers",
    zypper: "gcc-c++ make",
    brew: undefined,
    winget: "Microsoft.VisualStudio.2022.BuildTools",
  },
  cmake: {
    name: "CMake 3.21 or newer",
    apt: "cmake",
    dnf: "cmake",
    pacman: "cmake",
    apk: "cmake",
    zypper: "cmake",
    brew: "cmake",
    winget: "Kitware.CMake",
  },
  git: {
    name: "git",
    apt: "git",
    dnf: "git",
    pacman: "git",
    apk: "git",
    zypper: "git",
    brew: "git",
    winget: "Git.Git",
  },
  // Distributions' own compilers are often older; rustup is what brings the newest.
  rust: {
    name: "Rust 1.87 or newer",
    apt: "rustup",
    dnf: "rustup",
    pacman: "rustup",
    apk: "rustup",
    zypper: "rustup",
    brew: "rust",
    winget: "Rustlang.Rustup",
  },
  python: {
    name: "Python 3 with pip",
    apt: "python3-pip",
    dnf: "python3-pip",
    pacman: "python-pip",
    apk: "py3-pip",
    zypper: "python3-pip",
    brew: "python",
    winget: "Python.Python.3.12",
  },
};

/** @type {Record<Tool, () => boolean>} */
const checks = {
  compiler: hasCompiler,
  cmake: () => {
    const version = /version (\d+)\.(\d+)/.exec(output("cmake", ["--version"]) ?? "");
    return version !== null && (Number(version[1]) > 3 || (Number(version[1]) === 3 && Number(version[2]) >= 21));
  },
  git: () => output("git", ["--version"]) !== undefined,
  rust: () => findCargo() !== undefined,
  python: () =>
    (process.platform === "win32" ? ["python", "py", "python3"] : ["python3", "python"]).some(
      (name) => output(name, ["-m", "pip", "--version"]) !== undefined,
    ),
};

/** Versions of Node that the packages run on. Called before anything else. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(
    `Caduceus needs Node 20.19 or newer and this is ${process.versions.node}: install it from https://nodejs.org or with your version manager.`,
  );
}

/** @param {Iterable<Tool>} tools */
export function checkTools(tools) {
  const problem = missingTools(tools);
  if (problem !== undefined) throw new SetupError(problem);
}

/**
 * Which of them are missing and what installs them, as a sentence; undefined where all are there. `caduceus doctor`
 * asks too.
 * @param {Iterable<Tool>} tools
 */
export function missingTools(tools) {
  const missing = [...new Set(tools)].filter((tool) => !checks[tool]());
  if (missing.length === 0) return undefined;
  const names = missing.map((tool) => packages[tool].name).join(" and ");
  return `Caduceus needs ${names}, which ${missing.length === 1 ? "is" : "are"} not on this machine: install ${missing.length === 1 ? "it" : "them"} with \`${remedy(missing)}\`.`;
}

/** @param {Tool[]} missing */
function remedy(missing) {
  const manager = packageManager();
  const list = missing
    .map((tool) => packages[tool][manager])
    .filter((name) => name !== undefined)
    .join(" ");
  const then = missing.includes("rust")
    ? manager === "dnf" || manager === "apk"
      ? " && rustup-init -y"
      : " && rustup default stable"
    : "";
  const commands = {
    apt: `sudo apt-get install -y ${list}${then}`,
    dnf: `sudo dnf install -y ${list}${then}`,
    pacman: `sudo pacman -S ${list}${then}`,
    apk: `sudo apk add ${list}${then}`,
    zypper: `sudo zypper install ${list}${then}`,
    winget: `winget install ${list}${missing.includes("compiler") ? ' --override "--wait --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"' : ""}`,
    brew: [missing.includes("compiler") ? "xcode-select --install" : "", list === "" ? "" : `brew install ${list}`]
      .filter(Boolean)
      .join("; "),
  };
  return commands[manager];
}

function packageManager() {
  if (process.platform === "darwin") return "brew";
  if (process.platform === "win32") return "winget";
  const system = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const likeness = [...system.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].map((match) => match[1]).join(" ");
  if (/fedora|rhel|centos/.test(likeness)) return "dnf";
  if (/arch/.test(likeness)) return "pacman";
  if (/alpine/.test(likeness)) return "apk";
  if (/suse/.test(likeness)) return "zypper";
  return "apt";
}

/** As CMake looks for it: on the path, or where rustup puts it. Undefined: none, or too old. */
export function findCargo() {
  const home = process.env.CARGO_HOME ?? path.join(homedir(), ".cargo");
  return ["cargo", path.join(home, "bin", "cargo")].find((program) => {
    const version = /^cargo (\d+)\.(\d+)/.exec(output(program, ["--version"]) ?? "");
    return version !== null && (Number(version[1]) > 1 || Number(version[2]) >= 87);
  });
}

/** Old compilers take -std=c++20 and lack its library, so a small program is tried. */
function hasCompiler() {
  if (process.platform === "win32") {
    const installer = process.env["ProgramFiles(x86)"] ?? "C:\\Program Files (x86)";
    return existsSync(path.join(installer, "Microsoft Visual Studio", "Installer", "vswhere.exe"));
  }
  const folder = mkdtempSync(path.join(tmpdir(), "caduceus-"));
  try {
    const source = path.join(folder, "try.cpp");
    writeFileSync(
      source,
      "#include <concepts>\n#include <span>\n#include <version>\ntemplate <std::integral T> T f(std::span<T> s) { return s[0]; }\nint main() { int a[1]{}; return f<int>(a); }\n",
    );
    return [process.env.CXX, "c++", "g++", "clang++"].some(
      (name) => name && output(name, ["-std=c++20", "-fsyntax-only", source]) !== undefined,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a program printed; undefined when it is missing or failed. @param {string} program @param {string[]} args */
function output(program, args) {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: 60_000, windowsHide: true });
  return result.status === 0 ? result.stdout : undefined;
}
