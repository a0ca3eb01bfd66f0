// Who may ask the server for what: hosts, origins, paths and methods.
import { describe, expect, test } from "vitest";
import { errorOf, handler, hi, open, post, url } from "./scripted_handler.js";

describe("who may ask", () => {
  const get = (host: string, path = "/v1/models", headers: Record<string, string> = {}) =>
    handler.fetch(new Request(url + path, { headers: { ...headers, host } }));

  test("names that nobody allowed are refused, addresses and localhost are not", async () => {
    await open({ allowedHosts: ["Models.example.com"] });
    for (const host of [
      "localhost",
      "localhost:8080",
      "app.localhost",
      "127.0.0.1:1",
      "[::1]:8080",
      "10.1.2.3",
      "models.example.com:443",
      "MODELS.example.com",
    ])
      expect((await get(host)).status, host).toBe(200);
    for (const host of [
      "evil.com",
      "evil.com:8080",
      "localhost.evil.com",
      "127.0.0.1.evil.com",
      "example.com",
      "[::1].evil.com",
      "",
    ]) {
      expect(await errorOf(get(host)), host).toMatchObject({
        status: 403,
        code: "host_not_allowed",
        type: "permission_error",
      });
    }
    await open({ allowedHosts: "any" });
    expect((await get("evil.com")).status).toBe(200);
  });

  test("no page may read anything, unless its origin is named", async () => {
    const asked = {
      origin: "https://a.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    };
    const preflight = () =>
      handler.fetch(new Request(`${url}/v1/chat/completions`, { method: "OPTIONS", headers: asked }));
    expect((await preflight()).headers.get("access-control-allow-origin")).toBeNull();
    expect(
      (await post("/v1/chat/completions", hi, { origin: "https://a.example" })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
    await open({ corsOrigins: ["https://a.example"], apiKeys: ["k"] });
    const allowed = await preflight();
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization");
    const refused = await post("/v1/chat/completions", hi, { origin: "https://a.example" });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, "https://a.example"]);
    const streamed = await post(
      "/v1/chat/completions",
      { ...hi, stream: true },
      { origin: "https://a.example", authorization: "Bearer k" },
    );
    expect(streamed.headers.get("access-control-allow-origin")).toBe("https://a.example");
    await streamed.text();
    expect(
      (await post("/v1/chat/completions", hi, { origin: "https://b.example" })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
  });

  test("other paths and methods are refused in OpenAI's form too", async () => {
    expect(await errorOf(get("localhost", "/v1/images/generations"))).toMatchObject({ status: 404, code: "not_found" });
    const response = await get("localhost", "/v1/chat/completions");
    expect(response.headers.get("allow")).toBe("POST");
    expect(await errorOf(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
  });
});
