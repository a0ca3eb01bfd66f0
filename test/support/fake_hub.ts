// A Hugging Face hub on this machine: the tree API, `resolve` with its redirect to a storage server of another origin,
// and whatever a network can do to a download. Real sockets; only the bytes are small.
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the next request to the storage meets, once each; an empty queue behaves. */
export type Misbehavior =
  | { readonly kind: "break"; readonly after: number }
  | { readonly kind: "stall"; readonly after: number }
  /** Ends cleanly, without a length, too early. */
  | { readonly kind: "short"; readonly after: number }
  /** More than the file has, without a length. */
  | { readonly kind: "long"; readonly by: number }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "wrong-bytes" }
  | { readonly kind: "wrong-range"; readonly shift: number }
  | { readonly kind: "no-ranges"; readonly breakAfter?: number }
  | { readonly kind: "web-page" }
  | { readonly kind: "status"; readonly status: number; readonly headers?: Record<string, string> }
  | { readonly kind: "slow"; readonly bytesPerChunk: number; readonly pauseMs: number };

export interface StorageRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly status: number;
}

export class FakeHub {
  readonly repositories = new Map<string, Map<string, Buffer>>();
  readonly misbehaviors: Misbehavior[] = [];
  readonly storageRequests: StorageRequest[] = [];
  readonly hubRequests: { readonly url: string; readonly authorization: string | undefined }[] = [];
  /** Statuses of the next requests to the hub itself. */
  readonly refusals: { readonly status: number; readonly code?: string; readonly headers?: Record<string, string> }[] =
    [];
  /** Repositories that only this token may see. */
  readonly gated = new Map<string, string>();
  /** Files in one page of the tree API. */
  pageSize = 1000;
  redirectStatus = 302;
  /** Where `resolve` redirects, instead of the storage. */
  redirectTo: string | undefined;
  linkedEtag: string | undefined;
  readonly #hub: Server;
  readonly #storage: Server;

  private constructor() {
    this.#hub = createServer((request, response) => this.#answerHub(request, response));
    this.#storage = createServer((request, response) => this.#answerStorage(request, response));
  }

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    for (const server of [hub.#hub, hub.#storage])
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  get endpoint(): string {
    return address(this.#hub);
  }

  /** Offers a file that begins like a model and is random behind. */
  offer(
    repository: string,
    file: string,
    size: number,
    content = Buffer.concat([Buffer.from("GGUF"), randomBytes(size - 4)]),
  ): Buffer {
    let files = this.repositories.get(repository);
    if (files === undefined) this.repositories.set(repository, (files = new Map()));
    files.set(file, content);
    return content;
  }

  async close(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      if (!server.listening) continue;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.endpoint);
    const authorization = request.headers.authorization;
    this.hubRequests.push({ url: request.url ?? "/", authorization });
    const refusal = this.refusals.shift();
    if (refusal !== undefined)
      return void response
        .writeHead(refusal.status, { ...(refusal.code ? { "x-error-code": refusal.code } : {}), ...refusal.headers })
        .end("{}");
    const [, repository = "", file] =
      /^\/(?:api\/models\/)?([^/]+\/[^/]+)(?:\/tree\/main|\/resolve\/main\/(.*))$/.exec(url.pathname) ?? [];
    const files = this.repositories.get(repository);
    const token = this.gated.get(repository);
    if (token !== undefined && authorization !== `Bearer ${token}`)
      return void response.writeHead(authorization === undefined ? 401 : 403, { "x-error-code": "GatedRepo" }).end();
    // The real one does not tell strangers what exists.
    if (files === undefined)
      return void response.writeHead(authorization === undefined ? 401 : 404, { "x-error-code": "RepoNotFound" }).end();
    if (file === undefined) return this.#answerTree(files, url, response);
    const content = files.get(decodeURIComponent(file));
    if (content === undefined) return void response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    response
      .writeHead(this.redirectStatus, {
        location: this.redirectTo ?? `${address(this.#storage)}/${repository}/${file}?signature=secret`,
        "x-linked-size": String(content.length),
        "x-linked-etag": this.linkedEtag ?? `"${sha256(content)}"`,
        "x-repo-commit": "0".repeat(40),
      })
      .end();
  }

  #answerTree(files: Map<string, Buffer>, url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const entries = [...files].map(([path, content]) => ({
      type: "file",
      path,
      size: content.length,
      oid: gitId(content),
      ...(/\.gguf$/.test(path) && content.length > 100
        ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 134 } }
        : {}),
    }));
    const next =
      from + this.pageSize < entries.length
        ? { link: `<${this.endpoint}${url.pathname}?cursor=${from + this.pageSize}>; rel="next"` }
        : {};
    response
      .writeHead(200, { "content-type": "application/json", ...next })
      .end(
        JSON.stringify([
          { type: "directory", path: "folder", size: 0, oid: "0" },
          ...entries.slice(from, from + this.pageSize),
        ]),
      );
  }

  #answerStorage(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? "/", "http://storage");
    const [, owner, name, ...rest] = pathname.split("/");
    const content =
      this.repositories.get(`${owner}/${name}`)?.get(decodeURIComponent(rest.join("/"))) ?? Buffer.alloc(0);
    const now: Misbehavior | { readonly kind: "none" } = this.misbehaviors.shift() ?? { kind: "none" };
    const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const from = asked === null || now.kind === "no-ranges" ? 0 : Number(asked[1]);
    const to = asked?.[2] && now.kind !== "no-ranges" ? Math.min(Number(asked[2]) + 1, content.length) : content.length;
    const isPart = asked !== null && now.kind !== "no-ranges";
    const tell = (status: number, headers: Record<string, string | number>) => {
      this.storageRequests.push({
        path: pathname,
        range: request.headers.range,
        authorization: request.headers.authorization,
        status,
      });
      response.writeHead(status, headers);
    };
    if (now.kind === "status") return (tell(now.status, now.headers ?? {}), void response.end());
    if (now.kind === "web-page")
      return (tell(200, { "content-type": "text/html" }), void response.end("<html>Please log in.</html>"));
    if (isPart && from >= content.length)
      return (tell(416, { "content-range": `bytes */${content.length}` }), void response.end());
    const shift = now.kind === "wrong-range" ? now.shift : 0;
    let body = content.subarray(from + shift, to);
    if (now.kind === "wrong-bytes") body = Buffer.from(body).fill(7, 100, 110);
    if (now.kind === "long") body = Buffer.concat([body, Buffer.alloc(now.by)]);
    const hasLength = now.kind !== "short" && now.kind !== "long";
    tell(isPart ? 206 : 200, {
      etag: '"storage-has-others"',
      ...(hasLength ? { "content-length": now.kind === "length" ? now.length : body.length } : {}),
      ...(isPart ? { "content-range": `bytes ${from + shift}-${to - 1}/${content.length}` } : {}),
    });
    if (now.kind === "slow") return void this.#drip(response, body, now);
    const after =
      now.kind === "break" || now.kind === "stall" || now.kind === "short"
        ? now.after
        : now.kind === "no-ranges"
          ? now.breakAfter
          : undefined;
    if (after === undefined) return void response.end(body);
    response.write(body.subarray(0, after), () => {
      if (now.kind === "short") response.end();
      // What was written is on its way before the connection breaks.
      else if (now.kind !== "stall") setTimeout(() => response.destroy(), 20);
    });
  }

  async #drip(
    response: ServerResponse,
    body: Buffer,
    { bytesPerChunk, pauseMs }: { bytesPerChunk: number; pauseMs: number },
  ): Promise<void> {
    for (let at = 0; at < body.length && !response.destroyed; at += bytesPerChunk) {
      response.write(body.subarray(at, at + bytesPerChunk));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    response.end();
  }
}

const address = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
export const sha256 = (content: Buffer) => createHash("sha256").update(content).digest("hex");
const gitId = (content: Buffer) => createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
