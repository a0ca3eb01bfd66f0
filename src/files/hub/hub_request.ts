// One GET request to the hub. Follows redirects itself, since the file's checksum comes with the first response and the
// token must not be sent to the last. Explains refusals.
import { CaduceusError } from "../../errors.js";
import type { HubSettings } from "./hub_settings.js";
import { TransientError } from "./retry_policy.js";
import type { IdleTimeout } from "./idle_timeout.js";

const mostRedirects = 10;
const otherHub = "Set HF_ENDPOINT to the address of a Hugging Face hub.";

export interface HubAnswer {
  readonly response: Response;
  /** What the hub says of the file it redirects to: quoted or not, as it came. */
  readonly linkedEtag: string | undefined;
  readonly linkedSize: number | undefined;
}

/** Requests `url` below the endpoint. The idle timeout lasts while the body is read, and is ended by the caller. */
export async function askHub(
  url: string,
  repository: string,
  settings: HubSettings,
  watch: IdleTimeout,
  signal: AbortSignal | undefined,
  headers: Record<string, string> = {},
): Promise<HubAnswer> {
  let linkedEtag: string | undefined;
  let linkedSize: number | undefined;
  let at = new URL(url);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const isHub = at.origin === new URL(settings.endpoint).origin;
    const sent = {
      "user-agent": "caduceus",
      "accept-encoding": "identity",
      ...headers,
      ...(isHub && settings.token !== undefined ? { authorization: `Bearer ${settings.token}` } : {}),
    };
    const response = await fetch(at, { headers: sent, redirect: "manual", signal: watch.signal }).catch(
      (error: unknown) => {
        throw explainFailure(error, at, settings, watch, signal);
      },
    );
    watch.touch();
    if (isHub) {
      linkedEtag ??= response.headers.get("x-linked-etag") ?? undefined;
      linkedSize ??= readSize(response.headers.get("x-linked-size"));
    }
    const location = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get("location") : null;
    if (location === null) {
      if (response.ok || response.status === 416) return { response, linkedEtag, linkedSize };
      throw refusal(response, repository, at, settings, isHub);
    }
    await response.body?.cancel().catch(() => {});
    if (!URL.canParse(location, at.href))
      throw new CaduceusError("DOWNLOAD_FAILED", `${at.host} redirects to an invalid address.`, { remedy: otherHub });
    const next = new URL(location, at);
    if (!/^https?:$/.test(next.protocol) || (at.protocol === "https:" && next.protocol === "http:")) {
      throw new CaduceusError(
        "DOWNLOAD_FAILED",
        `${at.host} redirects from ${at.protocol}// to ${next.protocol}//, which is not followed.`,
        { remedy: otherHub },
      );
    }
    at = next;
  }
  throw new CaduceusError("DOWNLOAD_FAILED", `${new URL(url).host} redirects without end.`, { remedy: otherHub });
}

/** The error for a failed request, or for a failure while reading its body. */
export function explainFailure(
  error: unknown,
  { host, protocol }: { readonly host: string; readonly protocol: string },
  settings: HubSettings,
  watch: IdleTimeout,
  signal: AbortSignal | undefined,
): unknown {
  if (signal?.aborted) return signal.reason;
  if (watch.hasTimedOut)
    return new TransientError(`${host} sent nothing for ${settings.idleTimeoutMs / 1000} s`, { cause: error });
  if (error instanceof CaduceusError || error instanceof TransientError) return error;
  const cause = (error as { cause?: { code?: string; message?: string; errors?: { code?: string }[] } }).cause;
  const code = cause?.code ?? cause?.errors?.[0]?.code ?? "";
  const says = code || cause?.message || (error as Error).message;
  if (/CERT|SIGNATURE|SELF_SIGNED|ALTNAME/.test(code)) {
    return new CaduceusError("DOWNLOAD_FAILED", `The certificate of ${host} is not trusted (${code}).`, {
      cause: error,
      remedy: "Set NODE_EXTRA_CA_CERTS to a file with the certificates to trust.",
    });
  }
  if (/^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)$/.test(code)) {
    return new TransientError(`${host} cannot be reached (${code})`, {
      isLikelyFinal: true,
      remedy: `Check the network, or set HF_ENDPOINT to a mirror.${proxyHint(protocol)}`,
      cause: error,
    });
  }
  return new TransientError(`the connection to ${host} broke (${says})`, { cause: error });
}

/** Node, unlike Bun and Deno, ignores the environment's proxy by default. */
function proxyHint(protocol: string): string {
  const proxy = (protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"]).find(
    (name) => process.env[name],
  );
  const isHeeded =
    process.env["NODE_USE_ENV_PROXY"] === "1" ||
    [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((option) => option.includes("--use-env-proxy"));
  if (proxy === undefined || isHeeded || "bun" in process.versions || "deno" in process.versions) return "";
  return ` Node 22.21, 24 and newer use the proxy of ${proxy} if NODE_USE_ENV_PROXY=1 is set.`;
}

function refusal(
  response: Response,
  repository: string,
  { host }: URL,
  { token, endpoint }: HubSettings,
  isHub: boolean,
): Error {
  const { status } = response;
  const reason = response.headers.get("x-error-code") ?? "";
  response.body?.cancel().catch(() => {});
  if (status === 429 || status === 408 || status >= 500) {
    return new TransientError(`${host} answered ${status}${status === 429 ? " (too many requests)" : ""}`, {
      waitMs: readWait(response.headers.get("retry-after")),
    });
  }
  // An expired address of the storage behind the hub: the hub gives a new one.
  if (!isHub && (status === 401 || status === 403)) return new TransientError(`${host} answered ${status}`);
  if (reason === "GatedRepo" || (status === 403 && token !== undefined)) {
    const then = token === undefined ? ", then set HF_TOKEN" : ", or give HF_TOKEN the right to read it";
    return new CaduceusError(
      "ACCESS_DENIED",
      `${repository} is not open to ${token === undefined ? "everybody" : "this token"}.`,
      { remedy: `Ask for access on ${endpoint}/${repository}${then}.` },
    );
  }
  if (reason === "RevisionNotFound")
    return new CaduceusError("MODEL_NOT_FOUND", `${repository} on ${host} has no branch main.`, {
      remedy: "Download the file and give its path.",
    });
  if (reason === "EntryNotFound")
    return new CaduceusError("MODEL_NOT_FOUND", `${repository} on ${host} no longer has that file.`, {
      remedy: "Try again, or give another file of the repository.",
    });
  if (status === 401 && token !== undefined && reason !== "RepoNotFound")
    return new CaduceusError("ACCESS_DENIED", `${host} does not accept the token.`, {
      remedy: "Check HF_TOKEN, or create a new token.",
    });
  if (status === 404 || reason === "RepoNotFound" || status === 401 || status === 403) {
    const remedy =
      token === undefined
        ? "Check the name, or set HF_TOKEN if it is private."
        : "Check the name, and that the token may read it.";
    const code = status === 404 || reason === "RepoNotFound" ? "MODEL_NOT_FOUND" : "ACCESS_DENIED";
    return new CaduceusError(code, `${host} shows no repository ${repository}.`, { remedy });
  }
  return new CaduceusError("DOWNLOAD_FAILED", `${`${host} answered ${status} ${response.statusText}`.trim()}.`, {
    remedy: otherHub,
  });
}

/** Seconds, or a date. */
function readWait(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

export function readSize(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
