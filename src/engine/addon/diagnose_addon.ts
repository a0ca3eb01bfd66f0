// Why a compiled addon does not load, in a sentence and its remedy. Some of it is looked for before loading: a library
// that was cut off can be mapped, and then kills the process (SIGBUS) where its end is missing.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import path from "node:path";

// Package managers that refuse install scripts leave a package without its addon.
export const rebuild = "Run `npm rebuild caduceus --foreground-scripts` (in a checkout of caduceus: `npm run build`).";
const installAgain =
  "Remove the folder of caduceus from node_modules and install it again (in a checkout of caduceus: `npm run build -- --force`).";

/** `problem` is the end of a sentence, `remedy` a sentence. */
export interface Diagnosis {
  readonly problem: string;
  readonly remedy: string;
}

/** Why there is none at all. `folder`: where the package should lie. */
export function explainAbsence(folder: string): Diagnosis {
  const machine = `${process.platform}-${process.arch}`;
  const offered = prebuilds(folder);
  if (offered.length === 0 && !isPackage(folder)) {
    return {
      problem: `There is no compiled addon for ${machine}: caduceus was bundled into another file, away from it.`,
      remedy: "Mark caduceus as external in your bundler and install it beside the bundle.",
    };
  }
  const why = offered.length > 0 ? `there are prebuilt ones for ${offered.join(", ")} only` : "it was not built";
  return { problem: `There is no compiled addon for ${machine}: ${why}.`, remedy: rebuild };
}

/** Of the addon and the libraries that lie beside it; undefined where nothing speaks against loading them. */
export function explainBadFile(file: string): Diagnosis | undefined {
  if (process.platform !== "linux") return undefined;
  for (const candidate of [file, ...librariesBeside(file)]) {
    const why = whatIsWrong(candidate);
    if (why !== undefined)
      return { ...why, problem: `${candidate === file ? "it" : path.basename(candidate)} ${why.problem}` };
  }
  return undefined;
}

/** What the system's loader said, in our words. */
export function explainFailure(file: string, error: unknown): Diagnosis {
  const message = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  if (/GLIBC(XX)?_[\d.]+' not found/.test(message))
    return { problem: `it was built on a system with newer libraries (${message}).`, remedy: rebuild };
  const missing =
    /(?:loading shared library )?([^\s:]*\.so[.\d]*):? (?:cannot open shared object file|No such file)/.exec(
      message,
    )?.[1];
  if (missing !== undefined && path.basename(missing) !== path.basename(file)) return explainMissing(missing);
  if (/failed to map segment|Operation not permitted/.test(message)) {
    return {
      problem: `the system forbids running code from ${path.dirname(file)} (${message}).`,
      remedy:
        "Install caduceus on a file system that is not mounted with noexec, or copy its folder prebuilds to one and name the folder that holds it in CADUCEUS_PREBUILD.",
    };
  }
  if (/specified module could not be found/i.test(message)) {
    return {
      problem: `a library that belongs beside it is missing (${message.trim().replace(/\.$/, "")}).`,
      remedy: installAgain,
    };
  }
  if (
    /invalid ELF header|wrong ELF class|Exec format error|incompatible architecture|not a valid Win32|not a mach-o/i.test(
      message,
    )
  ) {
    return { problem: `it was built for another kind of machine, or is damaged (${message}).`, remedy: rebuild };
  }
  return { problem: `${message}.`, remedy: rebuild };
}

function explainMissing(library: string): Diagnosis {
  // node-gyp-build takes a system for musl where it is Alpine.
  if (/^libc\.musl|^ld-musl/.test(library))
    return {
      problem: `it was built for musl and this system has another C library (${library} is missing).`,
      remedy: "Set the variable LIBC to glibc.",
    };
  if (/^ld-linux|^libc\.so\.6/.test(library))
    return {
      problem: `it was built for glibc and this system has another C library (${library} is missing).`,
      remedy: "Set the variable LIBC to musl.",
    };
  const install = /^lib(stdc\+\+|gcc_s)/.test(library)
    ? " (Debian and Ubuntu: `apt-get install libstdc++6`; Alpine: `apk add libstdc++`; Fedora: `dnf install libstdc++`)"
    : "";
  return {
    problem: `it needs the library ${library}, which this system does not have.`,
    remedy: `Install it with the system's package manager${install}.`,
  };
}

/** By e_machine of an ELF header. */
const machines: Readonly<Record<number, string>> = {
  3: "ia32",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};

function whatIsWrong(file: string): Diagnosis | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    return undefined; // The loader says it better.
  }
  try {
    const { size } = fstatSync(descriptor);
    const read = (length: number, position: number) => {
      const bytes = Buffer.alloc(length);
      return readSync(descriptor, bytes, 0, length, position) === length ? bytes : undefined;
    };
    const header = read(64, 0);
    if (header === undefined || header.toString("latin1", 0, 4) !== "\x7fELF")
      return { problem: `is damaged: it is no library, but ${size} bytes of something else.`, remedy: installAgain };
    // Of other word sizes and byte orders the loader speaks.
    if (header[4] !== 2 || header[5] !== 1) return undefined;
    const machine = machines[header.readUInt16LE(18)];
    if (machine !== process.arch)
      return {
        problem: `was built for ${machine ?? "another kind of machine"} and this is ${process.arch}.`,
        remedy: "Install caduceus on this machine, rather than copying node_modules from another one.",
      };
    const least = fileEnd(header, read);
    return size < least
      ? { problem: `is damaged: it has ${size} of ${least} bytes.`, remedy: installAgain }
      : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Where the last section header or the last loaded byte ends: whoever cuts a file off cuts one of them. */
function fileEnd(header: Buffer, read: (length: number, position: number) => Buffer | undefined): number {
  const sectionsEnd = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
  const [start, entry, count] = [Number(header.readBigUInt64LE(32)), header.readUInt16LE(54), header.readUInt16LE(56)];
  const segments = read(entry * count, start);
  if (segments === undefined) return Math.max(sectionsEnd, start + entry * count);
  const ends = Array.from({ length: count }, (_, n) =>
    Number(segments.readBigUInt64LE(n * entry + 8) + segments.readBigUInt64LE(n * entry + 32)),
  );
  return Math.max(sectionsEnd, ...ends);
}

function librariesBeside(file: string): string[] {
  const folder = path.dirname(file);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".so"))
    .map((name) => path.join(folder, name));
}

/** `linux-x64`, or `linux-x64 (musl)` where only that C library's is there. */
function prebuilds(folder: string): string[] {
  try {
    return readdirSync(path.join(folder, "prebuilds"))
      .sort()
      .map((machine) => {
        const addons = readdirSync(path.join(folder, "prebuilds", machine)).filter((name) => name.endsWith(".node"));
        const libraries = addons.map((name) => /\.(glibc|musl)\./.exec(name)?.[1]);
        return addons.length === 0 || libraries.includes(undefined) ? machine : `${machine} (${libraries.join(", ")})`;
      });
  } catch {
    return [];
  }
}

function isPackage(folder: string): boolean {
  try {
    return (
      (JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as { name?: unknown }).name === "caduceus"
    );
  } catch {
    return false;
  }
}
