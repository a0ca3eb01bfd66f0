// Some bytes of a file of the hub, without the rest of it.
import { CaduceusError } from "../../errors.js";
import { askHub, explainFailure } from "./hub_request.js";
import type { HubSettings } from "./hub_settings.js";
import { TransientError, RetryPolicy } from "./retry_policy.js";
import { IdleTimeout } from "./idle_timeout.js";

/** Of a server that knows no ranges everything before has to be received: not further than this. */
const furthestWithoutRanges = 64 * 2 ** 20;

export interface RemoteRange {
  readonly url: string;
  readonly repository: string;
  readonly settings: HubSettings;
  readonly position: number;
  readonly length: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fewer bytes only where the file ends.
 * @throws CaduceusError MODEL_NOT_FOUND, ACCESS_DENIED, DOWNLOAD_FAILED; the signal's own reason
 */
export async function readRemoteRange(range: RemoteRange): Promise<Buffer> {
  const retryPolicy = new RetryPolicy(`The header of ${range.url}`, range.settings);
  for (;;) {
    try {
      return await readOnce(range);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      await retryPolicy.wait(error, range.signal);
    }
  }
}

async function readOnce({ url, repository, settings, position, length, signal }: RemoteRange): Promise<Buffer> {
  const watch = new IdleTimeout(settings.idleTimeoutMs, signal);
  try {
    const { response } = await askHub(url, repository, settings, watch, signal, {
      range: `bytes=${position}-${position + length - 1}`,
    });
    if (response.status === 416) return Buffer.alloc(0);
    const from =
      response.status === 206
        ? Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? NaN)
        : 0;
    if (!(from <= position) || position - from > furthestWithoutRanges)
      throw new CaduceusError(
        "DOWNLOAD_FAILED",
        `${new URL(url).host} cannot send parts of a file, so its header cannot be read without fetching all of it.`,
        { remedy: "Download the model with caduceus pull, and inspect the file." },
      );
    const chunks: Uint8Array[] = [];
    let at = from;
    const reader = response.body?.getReader();
    while (reader !== undefined && at < position + length) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw explainFailure(error, new URL(url), settings, watch, signal);
      });
      if (done) break;
      watch.touch();
      chunks.push(value.subarray(Math.max(0, position - at), Math.max(0, position + length - at)));
      at += value.length;
    }
    return Buffer.concat(chunks);
  } finally {
    watch.end();
  }
}
