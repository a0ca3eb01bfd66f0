// Whether a download fits on the disk, asked before the first byte.
import { statfs } from "node:fs/promises";
import { CaduceusError } from "../../errors.js";
import { cacheFolder } from "./cache_folder.js";

/** The remedy where the cache folder cannot be written to. */
export const otherFolder = "Set CADUCEUS_CACHE to another folder.";

/** Left free for everybody else. */
const reserve = 256 * 2 ** 20;

/**
 * `remedy` defaults to what helps the cache folder.
 * @throws CaduceusError DISK_FULL. A file system that does not tell its free space passes.
 */
export async function checkDiskSpace(folder: string, bytes: number, what: string, remedy?: string): Promise<void> {
  const found = await statfs(folder).catch(() => undefined);
  if (found === undefined || found.blocks === 0) return;
  const free = found.bavail * found.bsize;
  if (bytes + reserve > free)
    throw diskFull(
      `${what} needs ${gibibytes(bytes)} more, and 0.25 GiB to spare, but ${gibibytes(free)} are free in ${folder}.`,
      undefined,
      remedy,
    );
}

/** What a failed write means. */
export function explainWriteFailure(error: unknown, folder: string): unknown {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return diskFull(`The disk or its quota is full (${code}) in ${folder}.`, error);
  if (code === "EFBIG")
    return new CaduceusError("DOWNLOAD_FAILED", `The file system of ${folder} cannot hold files of this size.`, {
      cause: error,
      remedy: otherFolder,
    });
  if (typeof syscall !== "string") return error;
  return new CaduceusError("DOWNLOAD_FAILED", `The model could not be stored in ${folder} (${message}).`, {
    cause: error,
    remedy: otherFolder,
  });
}

function diskFull(
  what: string,
  cause?: unknown,
  remedy = `Remove models (caduceus list, caduceus remove), or set CADUCEUS_CACHE to a folder on another disk instead of ${cacheFolder()}.`,
): CaduceusError {
  return new CaduceusError("DISK_FULL", what, {
    remedy,
    ...(cause === undefined ? {} : { cause }),
  });
}

export const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
