// Downloads one file of the hub: resumes after an interruption, verifies what the server sends, and leaves either the
// verified file or a part that cannot be mistaken for it.
import path from "node:path";
import { CaduceusError } from "../../errors.js";
import { explainWriteFailure } from "../local/disk_space.js";
import { downloadChannels } from "./download_channels.js";
import type { DownloadEndMessage, DownloadRetryMessage, DownloadStartMessage } from "./download_events.js";
import { askHub, explainFailure, readSize, type HubAnswer } from "./hub_request.js";
import type { HubSettings } from "./hub_settings.js";
import { PartFile } from "./part_file.js";
import { TransientError, RetryPolicy } from "./retry_policy.js";
import { IdleTimeout } from "./idle_timeout.js";
import type { Digest } from "../local/verify_file.js";

export interface Download {
  readonly url: string;
  readonly repository: string;
  /** Where it is put. Its folder is there. */
  readonly file: string;
  readonly size: number;
  readonly digest: Digest;
  readonly settings: HubSettings;
  readonly signal: AbortSignal | undefined;
  /** Told the bytes on the disk. */
  readonly onBytes: (bytes: number) => void;
}

/** Downloads a file. The caller holds the file's lock, so that only one process does so. */
export async function downloadFile(download: Download): Promise<void> {
  const { file, url, size, digest, signal } = download;
  const begun = performance.now();
  const told = { path: file, url };
  let part: PartFile | undefined;
  let failure: unknown;
  try {
    part = await PartFile.open(file, size, digest, signal);
    if (downloadChannels.start.hasSubscribers)
      downloadChannels.start.publish({
        ...told,
        totalBytes: size,
        resumedBytes: part.size,
      } satisfies DownloadStartMessage);
    await receiveAll(download, part);
  } catch (error) {
    failure = signal?.aborted ? signal.reason : explainWriteFailure(error, path.dirname(file));
    throw failure;
  } finally {
    await part?.close().catch(() => {});
    if (downloadChannels.end.hasSubscribers) {
      const error =
        failure === undefined
          ? {}
          : {
              error: {
                name: failure instanceof Error ? failure.name : typeof failure,
                ...(failure instanceof CaduceusError ? { code: failure.code } : {}),
              },
            };
      downloadChannels.end.publish({
        ...told,
        receivedBytes: part?.size ?? 0,
        durationMs: performance.now() - begun,
        ...error,
      } satisfies DownloadEndMessage);
    }
  }
}

async function receiveAll(download: Download, part: PartFile): Promise<void> {
  const { url, file, size, settings, signal, onBytes } = download;
  const retryPolicy = new RetryPolicy(path.basename(file), settings);
  // Of one file only what is new counts as getting further: a server that always starts anew and breaks must come to an
  // end.
  const step = Math.min(1 << 20, Math.ceil(size / 100));
  let furthest = part.size;
  const advance = () => {
    onBytes(part.size);
    if (part.size < furthest + step && part.size < size) return;
    furthest = Math.max(furthest, part.size);
    retryPolicy.renew();
  };
  let connections = part.size > 0 ? 1 : 0;
  let hasStartedAnew = false;
  onBytes(part.size);
  for (;;) {
    if (part.size < size) {
      connections++;
      try {
        await receive(download, part, advance);
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        await retryPolicy.wait(error, signal, (waitMs) => {
          if (downloadChannels.retry.hasSubscribers)
            downloadChannels.retry.publish({
              path: file,
              url,
              reason: error.message,
              waitMs,
              receivedBytes: part.size,
            } satisfies DownloadRetryMessage);
        });
        continue;
      }
    }
    if (await part.finish()) return;
    // What was put together from several answers may have been put together wrongly; one answer that is wrong will be
    // again.
    await part.restart();
    if (hasStartedAnew || connections < 2) throw unexpected(download, "it has the right size but the wrong checksum");
    hasStartedAnew = true;
    connections = 0;
  }
}

/** What one answer brings. Returns when all bytes are there. */
async function receive(download: Download, part: PartFile, advance: () => void): Promise<void> {
  const { url, repository, size, settings, signal } = download;
  const watch = new IdleTimeout(settings.idleTimeoutMs, signal);
  try {
    const headers: Record<string, string> = part.size > 0 ? { range: `bytes=${part.size}-` } : {};
    const answer = await askHub(url, repository, settings, watch, signal, headers);
    await checkAnswer(answer, download, part);
    const { body, url: source } = answer.response;
    if (body === null) throw new TransientError("the answer is empty");
    const chunks = body.getReader();
    for (;;) {
      const { done, value } = await chunks.read().catch((error: unknown) => {
        throw explainFailure(error, new URL(source || url), settings, watch, signal);
      });
      if (done) break;
      watch.touch();
      if (part.size === 0) checkBeginning(value, download);
      if (part.size + value.length > size) throw unexpected(download, `more than its ${size} bytes were sent`);
      await part.append(value);
      advance();
    }
    if (part.size < size)
      throw new TransientError(`the connection to ${new URL(url).host} ended after ${part.size} of ${size} bytes`);
  } finally {
    watch.end();
  }
}

/** Before a byte is written: whether this is the file, and where in it the answer begins. */
async function checkAnswer(
  { response, linkedEtag, linkedSize }: HubAnswer,
  download: Download,
  part: PartFile,
): Promise<void> {
  const { size, digest } = download;
  const etag = /^(?:W\/)?"?([0-9a-f]+)"?$/i.exec(linkedEtag ?? "")?.[1]?.toLowerCase();
  if (
    (etag !== undefined && etag.length === digest.hex.length && etag !== digest.hex) ||
    (linkedSize !== undefined && linkedSize !== size)
  ) {
    throw unexpected(download, "the hub now offers another one under this name; try again");
  }
  if (response.status === 416) {
    await part.restart();
    throw new TransientError("the server does not have the rest of the file");
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  const isRest = response.status === 206;
  if (isRest && (range === null || Number(range[1]) !== part.size || (range[2] !== "*" && Number(range[2]) !== size))) {
    await part.restart();
    throw new TransientError("the server sent another part of the file than was asked for");
  }
  const encoding = response.headers.get("content-encoding");
  const length =
    encoding === null || encoding === "identity" ? readSize(response.headers.get("content-length")) : undefined;
  const expected = isRest ? size - part.size : size;
  // The rest may come in slices.
  if (length !== undefined && (isRest ? length > expected : length !== expected))
    throw unexpected(
      download,
      `${new URL(response.url || download.url).host} announces ${length} bytes where ${expected} are expected`,
    );
  // It knows no ranges: the file comes from its beginning.
  if (!isRest && part.size > 0) await part.restart();
}

function checkBeginning(chunk: Uint8Array, download: Download): void {
  const magic = Buffer.from(chunk.subarray(0, 4)).toString("latin1");
  if (!"GGUF".startsWith(magic))
    throw unexpected(
      download,
      magic.trimStart().startsWith("<")
        ? "a web page was sent instead; does a proxy ask for a login?"
        : "what was sent is no GGUF file",
    );
}

function unexpected({ url, file }: Download, why: string): CaduceusError {
  return new CaduceusError(
    "DOWNLOAD_FAILED",
    `${new URL(url).host} did not give the expected file ${path.basename(file)}: ${why}.`,
  );
}
