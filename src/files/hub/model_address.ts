// Addresses that people paste as the name of a model: those of the hub say which model is meant.
import { fileURLToPath } from "node:url";
import { describe, mismatch } from "../../errors.js";

const hubHosts = ["huggingface.co", "www.huggingface.co", "hf.co"];

export const isAddress = (name: string) => /^[a-z][a-z0-9+.-]+:\/\//i.test(name);

/**
 * The name (`hf:owner/repository/file.gguf`) of what an address of the hub shows.
 * @throws CaduceusError INVALID_ARGUMENT for any other address, with what to do
 */
export function nameOfAddress(address: string): string {
  const refuse = (remedy: string) =>
    mismatch(
      "INVALID_ARGUMENT",
      { expected: "a name or a path", place: "model", received: `the address ${shown(address)}` },
      { remedy },
    );
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === "file:") throw refuse(`Give its path${pathOf(url)}.`);
  // hf://owner/repository has the owner where others have the host.
  const parts = (url?.protocol === "hf:" ? `${url.host}${url.pathname}` : (url?.pathname ?? ""))
    .split("/")
    .filter((part) => part !== "")
    .map(decode);
  if (
    url === undefined ||
    !(url.protocol === "hf:" || (hubHosts.includes(url.hostname) && /^https?:$/.test(url.protocol)))
  ) {
    throw refuse(
      "Download the file and give its path; models of the Hugging Face hub need none: hf:owner/repository or hf:owner/repository/file.gguf.",
    );
  }
  const [owner, repository, ...rest] = parts;
  if (owner === undefined || repository === undefined || ["datasets", "spaces", "docs", "models"].includes(owner))
    throw refuse("It names no model of the Hugging Face hub: hf:owner/repository does.");
  const name = `hf:${owner}/${repository}`;
  if (url.protocol === "hf:") return [name, ...rest].join("/");
  const [view, revision, ...file] = rest;
  if (view === undefined) return name;
  if (!["blob", "resolve", "raw", "tree"].includes(view)) return name;
  if (revision !== undefined && revision !== "main")
    throw refuse(`Models come from the branch main alone: download the file of ${revision} and give its path.`);
  return view === "tree" || file.length === 0 ? name : `${name}/${file.join("/")}`;
}

const shown = (address: string) => (address.length > 200 ? describe(address) : address);

function pathOf(url: URL): string {
  try {
    return `: ${fileURLToPath(url)}`;
  } catch {
    return "";
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
