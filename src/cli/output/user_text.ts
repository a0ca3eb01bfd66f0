// Text from files and standard input, in the encodings of editors and shells of all systems.
import { isUtf8 } from "node:buffer";
import { fstatSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { systemReason, UsageError } from "../exit_codes.js";
import { expandHome } from "../../system/home_folder.js";

/** The names of standard input. */
export const isStandardInput = (file: string | undefined) =>
  file !== undefined && ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].includes(file);

/** The content of standard input, which can be read only once but may be needed several times. */
const ofPipes = new Map<string, Promise<Buffer>>();

/** The text of a file, `-` is standard input. @throws UsageError where there is none, or none that can be read */
export async function readUserText(
  file: string,
  { signal, strict = false }: { readonly signal?: AbortSignal | undefined; readonly strict?: boolean } = {},
): Promise<string> {
  const name = isStandardInput(file) ? "standard input" : file;
  const bytes = await (isStandardInput(file) ? readInputBytes(signal) : readFileBytes(file, signal));
  if (strict && !isUtf16(bytes) && !isUtf8(bytes))
    throw new UsageError(`Expected UTF-8 in ${name} but it is something else: save it as UTF-8.`);
  return decodeText(bytes, name);
}

/** Without the mark that Notepad and PowerShell put before it. @throws UsageError for UTF-16 */
export function decodeText(bytes: Buffer, name: string): string {
  if (isUtf16(bytes))
    throw new UsageError(
      `Expected UTF-8 in ${name} but it is UTF-16: save it as UTF-8 (in PowerShell: Out-File -Encoding utf8).`,
    );
  const text = bytes.toString("utf8");
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** By the mark before it, of either byte order. */
export const isUtf16 = (bytes: Buffer) =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);

/** What is wrong with a file that could not be read, in a sentence that names it. */
export function unreadable(file: string, error: unknown): UsageError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return new UsageError(`There is no file ${file}.`);
  if (code === "EISDIR") return new UsageError(`Expected a file but ${file} is a folder.`);
  return new UsageError(`${file} cannot be read: ${systemReason(error)}.`);
}

async function readFileBytes(named: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const file = expandHome(named);
  const known = ofPipes.get(file);
  if (known !== undefined) return known;
  const isPipe = (await stat(file).catch(() => undefined))?.isFIFO() === true;
  const read = readFile(file, { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw unreadable(file, error);
  });
  if (isPipe) ofPipes.set(file, read);
  return read;
}

function readInputBytes(signal: AbortSignal | undefined): Promise<Buffer> {
  const known = ofPipes.get("-");
  if (known !== undefined) return known;
  if (process.stdin.isTTY) throw new UsageError("Expected a file or a pipe on standard input but it is the terminal.");
  const read = untilAborted(signal, () => buffer(process.stdin));
  ofPipes.set("-", read);
  return read;
}

/** How long a prompt waits for input on a pipe. */
const inputTimeoutMs = 5_000;

export const waitedInVain = `Nothing came on standard input within ${inputTimeoutMs / 1000} seconds, so the prompt goes without it. -f - waits for it; < /dev/null says that there is none.`;

/**
 * What another program or a file gives on standard input, where nothing says whether anything will: whoever starts this
 * one may have left a pipe open that nobody ever writes to. Undefined when nothing came for a while.
 */
export async function readOfferedInput(signal: AbortSignal, waitMs = inputTimeoutMs): Promise<string | undefined> {
  if (!isInputOffered()) return "";
  const { stdin } = process;
  return untilAborted(signal, async () => {
    const isThere = await new Promise<boolean>((resolve, reject) => {
      const timer = setTimeout(() => resolve(false), waitMs);
      const come = () => {
        clearTimeout(timer);
        resolve(true);
      };
      stdin.once("readable", come).once("end", come).once("error", reject);
    });
    if (isThere) return decodeText(await buffer(stdin), "standard input");
    // Else it would keep the process alive.
    stdin.destroy();
    return undefined;
  });
}

/** A pipe, a socket or a file; neither a terminal nor /dev/null. */
function isInputOffered(): boolean {
  try {
    const found = fstatSync(0);
    return found.isFIFO() || found.isSocket() || found.isFile();
  } catch {
    return false;
  }
}

/** Reads standard input, which a signal ends. */
async function untilAborted<T>(signal: AbortSignal | undefined, read: () => Promise<T>): Promise<T> {
  const stop = () => process.stdin.destroy(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await read();
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
