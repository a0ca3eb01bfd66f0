// Which names the server answers to. A page of the web can make its own name lead to this machine (DNS rebinding) and
// then read what it gets; a name that nobody allowed is what gives it away. Addresses cannot be rebound.
import { isIP } from "node:net";
import { ApiError } from "../api_error.js";
import { normalHost } from "./origins.js";

export class AllowedHosts {
  readonly #names: ReadonlySet<string> | undefined;

  /** Names are in the form of `normalHost`. `"any"` allows all, for what stands behind a proxy that checks. */
  constructor(names: readonly string[] | "any") {
    this.#names = names === "any" ? undefined : new Set(names);
  }

  check(host: string | undefined): void {
    if (this.#names === undefined) return;
    const name = normalHost(host ?? "");
    if (
      name !== undefined &&
      (name === "localhost" || name.endsWith(".localhost") || isIP(name) !== 0 || this.#names.has(name))
    )
      return;
    throw new ApiError(
      403,
      "host_not_allowed",
      `The host ${JSON.stringify(name ?? host?.slice(0, 100) ?? "")} is not allowed. Allow it with --allowed-host, or allowedHosts.`,
    );
  }
}
