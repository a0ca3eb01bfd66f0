// API keys: compared in constant time, and each a cache scope of its own.
import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./api_error.js";

export class ApiKeys {
  /** All of one length, whatever the keys' own. */
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /**
   * The cache scope of who asks: keys never share cached tokens, so that none can find out from timings what others ask.
   * Without keys all share. Throws where the key is missing or wrong.
   */
  check(authorization: string | null | undefined): string {
    if (this.#digests.length === 0) return "";
    const key = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1] ?? "";
    const given = digest(key);
    // All are compared, whichever fits.
    const fits = this.#digests.map((known) => timingSafeEqual(known, given)).includes(true);
    if (fits && key !== "") return given.toString("hex");
    const message = key === "" ? "Expected an API key in the header Authorization: Bearer KEY." : "Incorrect API key.";
    throw new ApiError(401, "invalid_api_key", message, { headers: { "www-authenticate": "Bearer" } });
  }
}

const digest = (key: string) => createHash("sha256").update("caduceus api key\0").update(key).digest();
