// The web page: the files that the build put into dist/page, read once.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { packageFolder } from "../../package_folder.js";
import { ApiError } from "../api_error.js";

interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

const folder = path.join(packageFolder, "dist", "page");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const safety = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
} as const;

export class Page {
  #files: Promise<ReadonlyMap<string, PageFile>> | undefined;

  /** `name` is looked up, and no path is ever made of it. */
  async answer(name: string, request: Request): Promise<Response> {
    const file = (await (this.#files ??= readFiles())).get(name);
    if (file === undefined)
      throw new ApiError(
        404,
        "not_found",
        name === "index.html"
          ? "The page has not been built: npm run build makes it."
          : "There is no such file of the page.",
      );
    const headers: Record<string, string> = {
      ...safety,
      "content-type": file.type,
      // The build names what lies in assets/ by its content.
      "cache-control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
      etag: file.tag,
      vary: "accept-encoding",
    };
    if (request.headers.get("if-none-match") === file.tag) return new Response(null, { status: 304, headers });
    const takesGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?(,|$))/i.test(request.headers.get("accept-encoding") ?? "");
    return new Response(takesGzip ? file.gzipped : file.bytes, {
      headers: takesGzip ? { ...headers, "content-encoding": "gzip" } : headers,
    });
  }
}

async function readFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return new Map(
    await Promise.all(
      entries
        .filter((entry) => entry.isFile())
        .map(async (entry) => {
          const file = path.join(entry.parentPath, entry.name);
          const bytes = new Uint8Array(await readFile(file));
          const gzipped = new Uint8Array(await promisify(gzip)(bytes, { level: 9 }));
          const tag = `W/"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
          const name = path.relative(folder, file).split(path.sep).join("/");
          return [
            name,
            { type: types[path.extname(name)] ?? "application/octet-stream", bytes, gzipped, tag },
          ] as const;
        }),
    ),
  );
}
