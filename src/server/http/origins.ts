// Hosts and origins as people write them, in the one form in which browsers send them. What could never match is
// refused.
import { isIP, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

/** Of an origin such as `https://Example.com/`: `https://example.com`. Undefined where it is none. */
export function normalOrigin(text: string): string | undefined {
  // Pages from files and sandboxes have the origin "null".
  if (text === "*" || text === "null") return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.host === "" || url.host.includes("*")) return undefined;
  const { protocol, host, pathname, search, hash, username, password } = url;
  if (!["", "/"].includes(pathname) || `${search}${hash}${username}${password}` !== "") return undefined;
  // Only the schemes of the web have an origin there; apps have others, such as tauri://localhost.
  return url.origin === "null" ? `${protocol}//${host.toLowerCase()}` : url.origin;
}

/**
 * Of a name or an address, with or without a port, what stands in `Host` of it, without the port. Undefined where it is
 * none.
 */
export function normalHost(text: string): string | undefined {
  const host = withoutBrackets(text);
  if (isIP(host) !== 0) return host.toLowerCase();
  // What ends a host in an address.
  if (/[/\\?#@%\s]/.test(host)) return undefined;
  const name = domainToASCII(host.replace(/:\d*$/, "").replace(/\.$/, ""));
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name) ? name : undefined;
}

/** `[::1]` and `[::1]:8080` are `::1`. */
export function withoutBrackets(host: string): string {
  const inside = /^\[(.*)\](:\d*)?$/.exec(host)?.[1];
  return inside !== undefined && isIPv6(inside) ? inside : host;
}
