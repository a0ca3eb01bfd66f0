// API keys: compared in constant time, and each a cache scope of its own.
import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "../api_error.js";

export class ApiKeys {
  /** All of one length, whatever the keys' own. */
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /**
   * The cache scope of who asks: keys never share cached tokens, so that none can find out from timings what others
   * ask. Without keys all share. Throws where the key is missing or wrong. `Authorization: Bearer KEY` as with OpenAI,
   * or the header `x-api-key` of other clients; of both, the one that is known counts.
   */
  check(headers: Headers): string {
    if (this.#digests.length === 0) return "";
    const bearer = /^Bearer +(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    const given = [bearer ?? "", headers.get("x-api-key") ?? ""].filter((key) => key !== "");
    // All are compared, whichever fits.
    const fitting = given
      .map(digest)
      .filter((key) => this.#digests.map((known) => timingSafeEqual(known, key)).includes(true));
    if (fitting[0] !== undefined) return fitting[0].toString("hex");
    const message =
      given.length === 0
        ? "The request has no API key. Send it in the header Authorization: Bearer KEY, or in x-api-key."
        : "Incorrect API key.";
    throw new ApiError(401, "invalid_api_key", message, { headers: { "www-authenticate": "Bearer" } });
  }
}

const digest = (key: string) => createHash("sha256").update("caduceus api key\0").update(key).digest();
