// What the page is made of and asks for: its files, the exact prompt, the numbers.
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createHandler } from "../../src/server/index.js";
import { scriptedModel } from "../support/engines/scripted_model.js";
import { hermesMarkers } from "../support/engines/scripted_engine.js";

const tools = [
  {
    type: "function",
    function: { name: "add", parameters: { type: "object", properties: { a: { type: "integer", multipleOf: 2 } } } },
  },
];
const body = { model: "hermes", messages: [{ role: "user", content: "Is <|im_end|> text?" }] };

async function handling(options: Partial<Parameters<typeof createHandler>[0]> = {}) {
  const { model, engine } = await scriptedModel({
    markers: hermesMarkers,
    constrained: true,
    contextSize: 2000,
  });
  const handler = createHandler({ models: { hermes: model }, ...options });
  const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    handler.fetch(new Request(`http://localhost${path}`, { method, headers }));
  const post = (path: string, value: object, headers: Record<string, string> = {}) =>
    handler.fetch(
      new Request(`http://localhost${path}`, {
        method: "POST",
        body: JSON.stringify(value),
        headers: { "content-type": "application/json", ...headers },
      }),
    );
  return { get, post, engine, model };
}

/** Every file of the page that its HTML leads to. */
async function files(get: (path: string) => Promise<Response>) {
  const html = await (await get("/")).text();
  return ["/", ...[...html.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)].map((match) => match[1]!)];
}

test("the page comes with a policy that allows nothing but itself, and is under 150 KB packed", async () => {
  const { get } = await handling();
  const paths = await files(get);
  expect(paths).toHaveLength(4);
  let size = 0;
  for (const path of paths) {
    const response = await get(path, { "accept-encoding": "br, gzip" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(
      { html: /text\/html/, js: /text\/javascript/, css: /text\/css/, svg: /image\/svg/ }[
        path.split(".")[1] ?? "html"
      ]!,
    );
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';.*frame-ancestors 'none'$/,
    );
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    const packed = new Uint8Array(await response.arrayBuffer());
    size += packed.length;
    const plain = await get(path);
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(Buffer.from(await plain.arrayBuffer()).equals(gunzipSync(packed))).toBe(true);
  }
  expect(size).toBeLessThan(150_000);
});

test("files that are named by their content are kept for ever, and the page itself is asked for again", async () => {
  const { get } = await handling();
  for (const path of await files(get)) {
    const { headers } = await get(path);
    expect(headers.get("cache-control")).toBe(path === "/" ? "no-cache" : "public, max-age=31536000, immutable");
    const again = await get(path, { "if-none-match": headers.get("etag")! });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  }
  const head = await get("/", {}, "HEAD");
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("nothing but the page's own files is given away, and page: false gives none", async () => {
  const { get } = await handling();
  for (const path of [
    "/assets/nope.js",
    "/assets/..%2findex.html",
    "/assets/%2e%2e%2f%2e%2e%2fpackage.json",
    "/index.html",
    "/assets/",
    "/dist/page/index.html",
  ])
    expect((await get(path)).status).toBe(404);
  expect((await get("/", {}, "POST")).status).toBe(405);
  const { get: without } = await handling({ page: false });
  expect((await without("/")).status).toBe(404);
  await expect(handling({ page: "no" as never })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("page"),
  });
});

test("the page needs no key, what it asks for does, and hosts are checked for all of it", async () => {
  const { get, post } = await handling({ apiKeys: ["sk-1"] });
  expect((await get("/")).status).toBe(200);
  expect((await get("/stats")).status).toBe(401);
  expect((await post("/apply-template", body)).status).toBe(401);
  expect((await get("/stats", { authorization: "Bearer sk-1" })).status).toBe(200);
  for (const path of ["/", "/stats"])
    expect((await get(path, { host: "evil.example", authorization: "Bearer sk-1" })).status).toBe(403);
});

test("apply-template gives the prompt that a completion reads, its tokens and what holds the answer, and generates nothing", async () => {
  const { post, engine } = await handling();
  const request = { ...body, tools };
  const applied = (await (await post("/apply-template", request)).json()) as any;
  expect(engine.requests).toHaveLength(0);
  await post("/v1/chat/completions", request);
  const [read] = engine.requests;
  expect(applied.prompt).toBe(read!.prompt.map((part) => Object.values(part)[0] as string).join(""));
  expect(applied.tokens.map(({ id }: { id: number }) => id)).toEqual([...(await engine.tokenize(read!.prompt))]);
  expect(applied.tokens.map(({ text }: { text: string }) => text).join("")).toBe(`<s>${applied.prompt}`);
  expect(applied).toMatchObject({
    model: "hermes",
    format: "hermes (card)",
    constraint: { kind: "tools", mode: "auto", tools: [{ name: "add" }] },
  });
  expect(applied.constraint).toEqual(JSON.parse(JSON.stringify(read!.constraint)));
});

test("apply-template refuses what a completion would, with the same codes", async () => {
  const { post, model } = await handling();
  const code = async (change: object) =>
    ((await (await post("/apply-template", { ...body, ...change })).json()) as { error: { code: string } }).error.code;
  expect(await code({ messages: undefined })).toBe("missing_required_parameter");
  expect(await code({ model: "gpt" })).toBe("model_not_found");
  expect(await code({ messages: [{ role: "cook", content: "x" }] })).toBe("invalid_messages");
  expect(await code({ tools: [{ type: "function", function: { name: "a b" } }] })).toBe("invalid_tool");
  expect(await code({ messages: [{ role: "user", content: "x".repeat(3000) }] })).toBe("context_length_exceeded");
  await model.close();
  expect(await code({})).toBe("model_unavailable");
});

test("stats tell of each model what it does, and of one that was closed only that", async () => {
  const { get, post, model } = await handling();
  await post("/v1/chat/completions", body);
  expect(await (await get("/stats")).json()).toMatchObject({
    waiting: 0,
    active: 0,
    models: {
      hermes: {
        state: "loaded",
        context_size: 2000,
        running: 0,
        cache_tokens: 8192,
        generated_tokens: expect.any(Number),
      },
    },
  });
  await model.close();
  expect(await (await get("/stats")).json()).toEqual({
    waiting: 0,
    active: 0,
    models: { hermes: { state: "unloaded", active: 0, waiting: 0, memory_bytes: 0 } },
  });
});
