// One GET request to the hub: follows its redirects by hand, since the file's checksum comes with the first answer and
// the token must not go to the last; and says in a sentence what a refusal means.
import { CaduceusError } from "../../errors.js";
import type { HubSettings } from "./hub_settings.js";
import { TransientError } from "./retry_policy.js";
import type { IdleTimeout } from "./idle_timeout.js";

const mostRedirects = 10;

export interface HubAnswer {
  readonly response: Response;
  /** What the hub says of the file it redirects to: quoted or not, as it came. */
  readonly linkedEtag: string | undefined;
  readonly linkedSize: number | undefined;
}

/**
 * Asks for `url` below the endpoint. The watch lasts as long as the body is read, and is ended by the caller.
 * @throws TransientError; CaduceusError MODEL_NOT_FOUND, ACCESS_DENIED, DOWNLOAD_FAILED; the signal's own reason
 */
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
      throw new CaduceusError("DOWNLOAD_FAILED", `${at.host} redirects to what is no address.`);
    const next = new URL(location, at);
    if (!/^https?:$/.test(next.protocol) || (at.protocol === "https:" && next.protocol === "http:")) {
      throw new CaduceusError(
        "DOWNLOAD_FAILED",
        `${at.host} redirects from ${at.protocol}// to ${next.protocol}//, which is not followed.`,
      );
    }
    at = next;
  }
  throw new CaduceusError("DOWNLOAD_FAILED", `${new URL(url).host} redirects without end.`);
}

/** What became of a request or of the reading of its body. */
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
    return new CaduceusError(
      "DOWNLOAD_FAILED",
      `The certificate of ${host} is not trusted (${code}): NODE_EXTRA_CA_CERTS names a file with further ones.`,
      { cause: error },
    );
  }
  if (/^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)$/.test(code)) {
    return new TransientError(
      `${host} cannot be reached (${code}); HF_ENDPOINT can name a mirror${proxyHint(protocol)}`,
      { isLikelyFinal: true, cause: error },
    );
  }
  return new TransientError(`the connection to ${host} broke (${says})`, { cause: error });
}

/** Node, unlike Bun and Deno, passes by the proxy that the environment names, unless it is told otherwise. */
function proxyHint(protocol: string): string {
  const proxy = (protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"]).find(
    (name) => process.env[name],
  );
  const isHeeded =
    process.env["NODE_USE_ENV_PROXY"] === "1" ||
    [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((option) => option.includes("--use-env-proxy"));
  if (proxy === undefined || isHeeded || "bun" in process.versions || "deno" in process.versions) return "";
  return `, and Node 22.21, 24 and newer go through the proxy of ${proxy} when NODE_USE_ENV_PROXY=1 is set`;
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
    const remedy = token === undefined ? ", then set HF_TOKEN" : ", or give HF_TOKEN the right to read it";
    return new CaduceusError(
      "ACCESS_DENIED",
      `${repository} is not open to ${token === undefined ? "everybody" : "this token"}: ask for access on ${endpoint}/${repository}${remedy}.`,
    );
  }
  if (reason === "RevisionNotFound")
    return new CaduceusError("MODEL_NOT_FOUND", `${repository} on ${host} has no branch main.`);
  if (reason === "EntryNotFound")
    return new CaduceusError("MODEL_NOT_FOUND", `${repository} on ${host} no longer has that file.`);
  if (status === 401 && token !== undefined && reason !== "RepoNotFound")
    return new CaduceusError(
      "ACCESS_DENIED",
      `${host} does not accept the token: look at HF_TOKEN, or make a new one.`,
    );
  if (status === 404 || reason === "RepoNotFound" || status === 401 || status === 403) {
    const remedy =
      token === undefined
        ? "check the name, or set HF_TOKEN if it is private"
        : "check the name, and that the token may read it";
    const code = status === 404 || reason === "RepoNotFound" ? "MODEL_NOT_FOUND" : "ACCESS_DENIED";
    return new CaduceusError(code, `${host} shows no repository ${repository}: ${remedy}.`);
  }
  return new CaduceusError(
    "DOWNLOAD_FAILED",
    `${host} answered ${status} ${response.statusText}`.trim() + `; HF_ENDPOINT can name another hub.`,
  );
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
