// What a repository of the hub holds.
import { CaduceusError } from "../../errors.js";
import { isSafePath } from "../local/aliases.js";
import { askHub, explainFailure } from "./hub_request.js";
import type { HubSettings } from "./hub_settings.js";
import type { ListedFile } from "../local/model_files.js";
import { TransientError, RetryPolicy } from "./retry_policy.js";
import { IdleTimeout } from "./idle_timeout.js";
import type { Digest } from "../local/verify_file.js";

export interface RemoteFile extends ListedFile {
  /** SHA-256 of what is stored apart, as models are; else the object id that Git gives it. */
  readonly digest: Digest;
}

const mostPages = 100;

/**
 * All its GGUF files.
 * @throws CaduceusError MODEL_NOT_FOUND, ACCESS_DENIED, DOWNLOAD_FAILED; the signal's own reason
 */
export async function listRepository(
  repository: string,
  settings: HubSettings,
  signal?: AbortSignal,
): Promise<RemoteFile[]> {
  const retryPolicy = new RetryPolicy(`The list of files of ${repository}`, settings);
  const files: RemoteFile[] = [];
  let url: string | undefined = `${settings.endpoint}/api/models/${repository}/tree/main?recursive=true`;
  for (let page = 0; url !== undefined && page < mostPages; page++) {
    const { entries, next } = await readPage(url, repository, settings, retryPolicy, signal);
    retryPolicy.renew();
    for (const entry of entries) files.push(...readEntry(entry));
    url = next;
  }
  return files;
}

/** Where a file of the branch main is. */
export function fileAddress(repository: string, file: string, { endpoint }: HubSettings): string {
  return `${endpoint}/${repository}/resolve/main/${file.split("/").map(encodeURIComponent).join("/")}`;
}

async function readPage(
  url: string,
  repository: string,
  settings: HubSettings,
  retryPolicy: RetryPolicy,
  signal: AbortSignal | undefined,
): Promise<{ entries: unknown[]; next: string | undefined }> {
  for (;;) {
    const watch = new IdleTimeout(settings.idleTimeoutMs, signal);
    try {
      const { response } = await askHub(url, repository, settings, watch, signal);
      const text = await response.text().catch((error: unknown) => {
        throw explainFailure(error, new URL(url), settings, watch, signal);
      });
      return { entries: readList(text, url), next: nextPage(response.headers.get("link"), settings) };
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      await retryPolicy.wait(error, signal);
    } finally {
      watch.end();
    }
  }
}

function readList(text: string, url: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {
    // A web page, for example.
  }
  throw new CaduceusError("DOWNLOAD_FAILED", `${new URL(url).host} answers with something else than a list of files.`, {
    remedy: "Check that HF_ENDPOINT is a Hugging Face hub, and that no proxy asks for a login.",
  });
}

/** Nothing for folders and for names that could leave the folder they are stored in. */
function readEntry(value: unknown): RemoteFile[] {
  const { type, path, size, oid, lfs } = value as {
    type?: unknown;
    path?: unknown;
    size?: unknown;
    oid?: unknown;
    lfs?: { oid?: unknown; size?: unknown };
  };
  if (type !== "file" || typeof path !== "string" || !/\.gguf$/i.test(path) || !isSafePath(path)) return [];
  const [bytes, id, algorithm] =
    lfs === undefined || lfs === null
      ? ([size, oid, "git"] as const)
      : ([lfs.size ?? size, lfs.oid, "sha256"] as const);
  const hex = typeof id === "string" ? id.replace(/^sha256:/, "").toLowerCase() : "";
  if (
    !Number.isSafeInteger(bytes) ||
    (bytes as number) < 0 ||
    !(algorithm === "git" ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(hex)
  )
    return [];
  return [{ path, size: bytes as number, digest: { algorithm, hex } }];
}

/** Of `Link: <address>; rel="next"`; only on the hub itself, since the token goes there. */
function nextPage(link: string | null, { endpoint }: HubSettings): string | undefined {
  const address = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (address === undefined || !URL.canParse(address, endpoint)) return undefined;
  const next = new URL(address, endpoint);
  // A mirror may pass the hub's own address on.
  return next.origin === new URL(endpoint).origin ? next.href : `${endpoint}${next.pathname}${next.search}`;
}
