// All requests of the page to the server, and its API key.
import { signal } from "@preact/signals";

/** An error that the server reported, with its message. */
export class ServerError extends Error {
  readonly code: string;

  constructor(message: string, code = "") {
    super(message);
    this.code = code;
  }
}

const storageKey = "caduceus:api-key";

/** Stored until the tab is closed. */
export const apiKey = signal(sessionStorage.getItem(storageKey) ?? "");
/** Whether the server refused the key or its absence. */
export const needsKey = signal(false);

export function setApiKey(key: string): void {
  apiKey.value = key;
  needsKey.value = false;
  sessionStorage.setItem(storageKey, key);
}

/** Paths are relative: the server may be mounted below one. */
export async function request(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  if (apiKey.value !== "") headers.authorization = `Bearer ${apiKey.value}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const post = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(path, { headers, ...post, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServerError("The server cannot be reached. It may have been ended.");
  }
  if (response.ok) return response;
  if (response.status === 401) needsKey.value = true;
  throw readError(await response.json().catch(() => undefined), response.status);
}

export function readError(body: unknown, status = 0): ServerError {
  const error = (body as { error?: { message?: unknown; code?: unknown } } | undefined)?.error;
  if (typeof error?.message === "string") return new ServerError(error.message, String(error.code));
  return new ServerError(`The server answered with status ${status}.`);
}

export async function fetchModels(): Promise<string[]> {
  const { data } = (await (await request("v1/models")).json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

/** Of a model's engine. */
export interface EngineNumbers {
  readonly context_size: number;
  readonly running: number;
  readonly queued: number;
  readonly cache_tokens: number;
  readonly cache_tokens_used: number;
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly generated_tokens: number;
  readonly steps: number;
}

export interface ModelState {
  readonly state: "unloaded" | "queued" | "loading" | "loaded" | "unloading";
  readonly progress?: { readonly stage: "fetch" | "load"; readonly fraction: number };
}

/** Only a loaded model has an engine. */
export type ModelStats = ModelState & (EngineNumbers | { readonly steps?: undefined });

export async function fetchStats(): Promise<Readonly<Record<string, ModelStats>>> {
  return ((await (await request("stats")).json()) as { models: Record<string, ModelStats> }).models;
}

export interface AppliedTemplate {
  readonly prompt: string;
  readonly tokens: readonly { readonly id: number; readonly text: string }[];
  readonly format: string;
  readonly reason: string;
  readonly constraint: { readonly kind: string } | null;
  readonly unenforced: readonly {
    readonly tool?: string;
    readonly path: string;
    readonly keyword: string;
    readonly reason: string;
  }[];
}

export async function applyTemplate(body: object, signal: AbortSignal): Promise<AppliedTemplate> {
  return (await (await request("apply-template", body, signal)).json()) as AppliedTemplate;
}
