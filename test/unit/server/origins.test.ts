// Hosts and origins as people write them: each matches what browsers send, or is refused where it is configured.
import { expect, test } from "vitest";
import { createHandler, listen, type HandlerOptions } from "../../../src/server/index.js";
import { normalHost, normalOrigin } from "../../../src/server/http/origins.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

test.each([
  ["https://x.example", "https://x.example"],
  ["https://X.Example/", "https://x.example"],
  ["HTTPS://x.example:443", "https://x.example"],
  ["http://x.example:8080/", "http://x.example:8080"],
  ["http://[::1]:3000", "http://[::1]:3000"],
  ["http://müller.example", "http://xn--mller-kva.example"],
  ["tauri://LocalHost", "tauri://localhost"],
  ["vscode-webview://AbC", "vscode-webview://abc"],
  ["*", "*"],
  ["null", "null"],
])("the origin %s is %s", (text, origin) => expect(normalOrigin(text)).toBe(origin));

test.each([
  "x.example",
  "localhost:3000",
  "https://x.example/path",
  "https://x.example?a",
  "https://x.example/#a",
  "https://u@x.example",
  "https://*.example",
  "https://",
  "file:///a",
  "",
  "//x",
])("%j is no origin", (text) => {
  expect(normalOrigin(text)).toBeUndefined();
});

test.each([
  ["Models.Example.com", "models.example.com"],
  ["x.example:8080", "x.example"],
  ["x.example.", "x.example"],
  ["[::1]:80", "::1"],
  ["::1", "::1"],
  ["[::1]", "::1"],
  ["127.0.0.1:80", "127.0.0.1"],
  ["my_host", "my_host"],
  ["müller.example", "xn--mller-kva.example"],
])("the host %s is %s", (text, host) => expect(normalHost(text)).toBe(host));

test.each(["", "https://x.example", "x.example/", "*.example", "*", "a b", "u@x.example", "[::1].evil.com", ":80"])(
  "%j is no host",
  (text) => expect(normalHost(text)).toBeUndefined(),
);

test("pages of a named origin may read, however it was written; hosts as well", async () => {
  const { model } = await scriptedModel();
  const handler = createHandler({
    models: { m: model },
    corsOrigins: ["https://X.example/"],
    allowedHosts: ["Models.example:8080"],
  });
  const response = await handler.fetch(
    new Request("http://localhost/v1/models", { headers: { origin: "https://x.example", host: "models.EXAMPLE:1" } }),
  );
  expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([200, "https://x.example"]);
});

test.each<[Partial<HandlerOptions>, string]>([
  [{ corsOrigins: ["x.example"] }, 'for corsOrigins: "x.example"'],
  [{ corsOrigins: ["https://x.example", "https://*.x.example"] }, "for corsOrigins: "],
  [{ allowedHosts: ["https://x.example"] }, "for allowedHosts: "],
])("%j, which could never match, is refused by name", async (options, message) => {
  const { model } = await scriptedModel();
  expect(() => createHandler({ models: { m: model }, ...options })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) }),
  );
});

test.each([[""], [" "], [5], [null]])("the host %j to listen on is refused", async (host) => {
  const { model } = await scriptedModel();
  await expect(
    listen(createHandler({ models: { m: model } }), { host: host as string, port: 0 }),
  ).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining("for host") });
});
