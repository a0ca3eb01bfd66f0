// Events of downloads: progress for the caller, and messages of `node:diagnostics_channel` for start, retry and end.
import type { ErrorCode } from "../../errors.js";

/** Progress of a download. */
export interface FetchProgress {
  /** From 0 to 1, rising. */
  readonly fraction: number;
  /** Of the whole model, what was there from an earlier try included. Missing where only the fraction is known. */
  readonly receivedBytes?: number;
  /** Of the whole model. */
  readonly totalBytes?: number;
}

export interface DownloadMessage {
  /** Where the finished file lies. */
  readonly path: string;
  /** Without anything secret in it. */
  readonly url: string;
}

/** A download begins, or goes on. */
export interface DownloadStartMessage extends DownloadMessage {
  /** Of the file. */
  readonly totalBytes: number;
  /** That an earlier try brought. */
  readonly resumedBytes: number;
}

/** A download failed and is tried again. */
export interface DownloadRetryMessage extends DownloadMessage {
  /** In half a sentence. */
  readonly reason: string;
  /** Until it is tried again. */
  readonly waitMs: number;
  readonly receivedBytes: number;
}

/** A download is over. */
export interface DownloadEndMessage extends DownloadMessage {
  /** On the disk now. */
  readonly receivedBytes: number;
  /** Since this try began. */
  readonly durationMs: number;
  /** Missing where the file is there and verified. A cancelled download has the name of its signal's reason. */
  readonly error?: { readonly name: string; readonly code?: ErrorCode };
}
