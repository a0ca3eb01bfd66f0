// Servers with TLS: a certificate of one's own is trusted by NODE_EXTRA_CA_CERTS, and no other one is.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fakeServer, finish, says, text } from "../unit/remote/fake_server.js";
import { program, runNode } from "../process/run_program.js";

const key = "sk-a-secret-of-ours";
let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-tls-"))));
afterAll(() => rm(folder, { recursive: true }));

/** Signed by itself. */
function certificate(name: string, host: string) {
  const [keyFile, file] = [`${name}.key`, `${name}.pem`].map((one) => path.join(folder, one)) as [string, string];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-keyout", keyFile, "-out", file, "-subj", `/CN=${host}`, "-addext", `subjectAltName=${host}`],
    ],
    { stdio: "ignore" },
  );
  return { file, key: readFileSync(keyFile), cert: readFileSync(file) };
}

async function serve({ key: own, cert }: { readonly key: Buffer; readonly cert: Buffer }) {
  const keys: (string | undefined)[] = [];
  const server = createServer({ key: own, cert }, (request, response) => {
    keys.push(request.headers.authorization);
    if (request.url === "/v1/models") return response.end(JSON.stringify({ data: [{ id: "fake" }] }));
    return response.end(text("Hello") + finish());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, keys, server };
}

async function ask(url: string, trusted?: string): Promise<Record<string, string>> {
  const { stdout, stderr } = await runNode(program("ask_server.mjs"), [url], {
    env: { ASKED_KEY: key, NODE_EXTRA_CA_CERTS: trusted },
  });
  expect(stdout + stderr).not.toContain(key);
  return JSON.parse(stdout) as Record<string, string>;
}

test("a certificate is trusted where its authority is named, for its own host, and gets no key otherwise", async () => {
  const [ours, others] = [certificate("ours", "IP:127.0.0.1"), certificate("others", "DNS:models.example.com")];
  const [right, wrong] = [await serve(ours), await serve(others)];
  expect(await ask(right.url, ours.file)).toEqual({ text: "Hello" });
  expect(new Set(right.keys)).toEqual(new Set([`Bearer ${key}`]));

  right.keys.length = 0;
  const untrusted = await ask(right.url);
  expect(untrusted).toMatchObject({
    code: "UPSTREAM_UNREACHABLE",
    remedy: expect.stringMatching(/NODE_EXTRA_CA_CERTS/),
  });
  expect(untrusted["message"]).toMatch(/its certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
  expect((await ask(right.url, others.file))["code"]).toBe("UPSTREAM_UNREACHABLE");
  const ofAnotherHost = await ask(wrong.url, others.file);
  expect(ofAnotherHost["message"]).toMatch(/\(ERR_TLS_CERT_ALTNAME_INVALID\)/);
  // Nothing was sent.
  expect([right.keys, wrong.keys]).toEqual([[], []]);
  for (const { server } of [right, wrong]) server.close();
});

test("https where the server speaks http is said, and so is the other way round", async () => {
  const plain = await fakeServer(says("Hello"));
  expect(await ask(plain.url.replace("http:", "https:"))).toMatchObject({
    code: "UPSTREAM_UNREACHABLE",
    remedy: "Check whether its address begins with http:// or https://.",
  });
  const secure = await serve(certificate("plain", "IP:127.0.0.1"));
  expect((await ask(secure.url.replace("https:", "http:")))["code"]).toMatch(/^UPSTREAM_(FAILED|UNREACHABLE)$/);
  expect(secure.keys).toEqual([]);
  secure.server.close();
});
