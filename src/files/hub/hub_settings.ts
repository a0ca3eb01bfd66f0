// How the Hugging Face hub is reached, and where its cache lies: by the variables that its own tools obey.
import { homedir } from "node:os";
import path from "node:path";
import { CaduceusError, describe, invalidValue } from "../../errors.js";
import { readRegularFile } from "../local/read_regular_file.js";

export interface HubSettings {
  /** Without a slash at its end. `HF_ENDPOINT`, else https://huggingface.co. */
  readonly endpoint: string;
  /** `HF_TOKEN`, else the file that `hf auth login` writes. */
  readonly token: string | undefined;
  /** `HF_HUB_OFFLINE`: nothing is asked for. */
  readonly isOffline: boolean;
  /** A server that sends nothing for so long has stalled. `HF_HUB_DOWNLOAD_TIMEOUT` in seconds, else 30. */
  readonly idleTimeoutMs: number;
  /** How often in a row a request may fail without getting further. */
  readonly attempts: number;
  /** Before the second attempt; doubles each time. */
  readonly firstWaitMs: number;
}

/** @throws CaduceusError INVALID_ARGUMENT when HF_ENDPOINT is no address */
export async function readHubSettings(environment: NodeJS.ProcessEnv = process.env): Promise<HubSettings> {
  const endpoint = (environment["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new CaduceusError(
      "INVALID_ARGUMENT",
      invalidValue({
        expected: "an address that begins with https://",
        place: "HF_ENDPOINT",
        received: describe(endpoint),
      }),
    );
  }
  const seconds = Number(environment["HF_HUB_DOWNLOAD_TIMEOUT"]);
  return {
    endpoint,
    token: await readToken(environment),
    isOffline: isOn(environment["HF_HUB_OFFLINE"]),
    idleTimeoutMs: seconds > 0 ? Math.min(seconds * 1000, 2 ** 31 - 1) : 30_000,
    attempts: 5,
    firstWaitMs: 500,
  };
}

/** `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else in the user's cache folder. */
export function hubCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return path.resolve(
    environment["HF_HUB_CACHE"] || environment["HUGGINGFACE_HUB_CACHE"] || path.join(hubHome(environment), "hub"),
  );
}

function hubHome(environment: NodeJS.ProcessEnv): string {
  return (
    environment["HF_HOME"] || path.join(environment["XDG_CACHE_HOME"] || path.join(homedir(), ".cache"), "huggingface")
  );
}

async function readToken(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const given = environment["HF_TOKEN"] || environment["HUGGING_FACE_HUB_TOKEN"] || undefined;
  const file = environment["HF_TOKEN_PATH"] || path.join(hubHome(environment), "token");
  const isWanted = given !== undefined || !isOn(environment["HF_HUB_DISABLE_IMPLICIT_TOKEN"]);
  const token = (given ?? (isWanted ? await readRegularFile(file) : "")).trim();
  // What a header cannot carry is no token; the hub then says that one is needed.
  return /^[\x21-\x7e]+$/.test(token) ? token : undefined;
}

const isOn = (value: string | undefined) => /^(1|true|yes|on)$/i.test(value ?? "");
