// The programs of docs/recipes.md, started as they are: what they answer, and that they end in the right order.
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { smollm2Model } from "../support/models.js";
import { root } from "./markdown.js";

const programs = ["express.mjs", "fastify.mjs", "node_http.mjs"];
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

/** The program's address, once it says it. */
async function start(
  file: string,
  args: readonly string[] = [],
): Promise<{ readonly child: ChildProcess; readonly url: string; readonly errors: () => string }> {
  const child = spawn(process.execPath, [file, ...args], {
    // An answer that is under way takes longer on a busy machine.
    env: { ...process.env, PORT: "0", GRACE_MS: "100000" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [line] = (await Promise.race([
    once(child.stdout.setEncoding("utf8"), "data"),
    once(child, "exit").then(() => Promise.reject(new Error(errors))),
  ])) as [string];
  return { child, url: line.trim(), errors: () => errors };
}

const post = (url: string, body: string, signal?: AbortSignal) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body, signal: signal ?? null });
const question = JSON.stringify({ messages: [{ role: "user", content: "Why is the sky blue?" }] });
const textsIn = (stream: string) =>
  stream
    .split("\n\n")
    .filter((event) => event.startsWith("data: {"))
    .map((event) => (JSON.parse(event.slice(6)) as { text: string }).text);

describe.each(programs)("%s", (name) => {
  test("streams an answer, gives wrong requests a status, survives a client that leaves, and ends what is under way before it goes", async () => {
    const { child, url, errors } = await start(path.join(root, "examples/http", name), [await smollm2Model()]);

    const left = new AbortController();
    const leaving = await post(url, question, left.signal);
    await leaving.body!.getReader().read();
    left.abort();

    for (const [body, status] of [
      ['{"messages": 5}', 400],
      ["{}", 400],
      ['{"messages"', 400],
      [JSON.stringify({ messages: "x".repeat(200_000) }), 413],
    ] as const) {
      const answer = await post(url, body);
      expect([body.slice(0, 20), answer.status]).toEqual([body.slice(0, 20), status]);
      await answer.text();
    }

    const { ask } = (await import(path.join(root, "examples/http/client.mjs"))) as {
      ask: (url: string, messages: unknown, onText: (text: string) => void) => Promise<void>;
    };
    await expect(ask(url, 5, () => {})).rejects.toThrow(/messages/);
    let answer = "";
    await ask(url, [{ role: "user", content: "Why is the sky blue?" }], (text) => {
      // It has begun, and is let come to its end.
      if (answer === "") child.kill("SIGTERM");
      answer += text;
    });
    expect(answer.length).toBeGreaterThan(0);
    if (child.exitCode === null) await once(child, "exit");
    expect({ code: child.exitCode, errors: errors() }).toEqual({ code: 0, errors: "" });
  });
});

test("next_route.mjs answers a request as Next.js would give it", async () => {
  process.env.MODEL = await smollm2Model();
  const program = `import { POST } from ${JSON.stringify(path.join(root, "examples/http/next_route.mjs"))};
    const ask = (body) => POST(new Request("http://localhost/api/chat", { method: "POST", body, headers: { "content-length": String(body.length) } }));
    const wrong = await ask("{}");
    const answer = await ask(${JSON.stringify(question)});
    console.log(JSON.stringify([wrong.status, answer.status, answer.headers.get("content-type"), await answer.text()]));
    process.exit();`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    cwd: root,
    env: process.env,
  });
  const [wrong, status, type, stream] = JSON.parse(output) as [number, number, string, string];
  expect([wrong, status, type]).toEqual([400, 200, "text/event-stream"]);
  expect(textsIn(stream).length).toBeGreaterThan(0);
  expect(stream.endsWith("data: [DONE]\n\n")).toBe(true);
});

const nginx = ["/usr/sbin/nginx", "/usr/bin/nginx"].find(existsSync);
test.skipIf(nginx === undefined)(
  "nginx.conf passes each event on as it comes, with the name of the host, and only for that name",
  async () => {
    let release = () => {};
    const upstream = createServer(async (incoming, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(`data: ${incoming.headers.host}\n\n`);
      await new Promise<void>((resolve) => (release = resolve));
      response.end("data: [DONE]\n\n");
    }).listen(0, "127.0.0.1");
    await once(upstream, "listening");
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    probe.close();
    const folder = path.join(tmpdir(), `caduceus-nginx-${process.pid}`);
    mkdirSync(path.join(folder, "logs"), { recursive: true });
    try {
      const conf = readFileSync(path.join(root, "examples/http/nginx.conf"), "utf8")
        .replace("127.0.0.1:8000", `127.0.0.1:${(upstream.address() as AddressInfo).port}`)
        .replace("listen 8081", `listen 127.0.0.1:${port}`);
      // nginx takes its first server for names that it does not know: here they get 404 from one of the test's own.
      const others = `server { listen 127.0.0.1:${port} default_server; return 404; }`;
      const name = /^ *server_name (\S+);$/m.exec(conf)![1]!;
      const site = `${others}\n${conf}`;
      writeFileSync(
        path.join(folder, "nginx.conf"),
        `daemon off; pid ${folder}/pid; error_log stderr; events {} http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;\n${site}\n}`,
      );
      const child = spawn(nginx!, ["-p", folder, "-c", path.join(folder, "nginx.conf")], { stdio: "ignore" });
      running.push(child);
      // fetch sends no Host but its own.
      const ask = async (host: string): Promise<IncomingMessage> => {
        const asking = request({ host: "127.0.0.1", port, path: "/chat", method: "POST", headers: { host } }).end("{}");
        return ((await once(asking, "response")) as [IncomingMessage])[0];
      };
      let other: IncomingMessage | undefined;
      for (let tries = 0; other === undefined && tries < 1_000; tries++) {
        other = await ask(`x${name}`).catch(() => undefined);
        if (other === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(other!.resume().statusCode).toBe(404);
      const events = (await ask(name)).setEncoding("utf8")[Symbol.asyncIterator]() as AsyncIterator<string>;
      // The first event is here while the second is not even written.
      expect((await events.next()).value).toBe(`data: ${name}\n\n`);
      release();
      expect((await events.next()).value).toBe("data: [DONE]\n\n");
      // The server behind it is started with this name among its own.
      expect(conf).toContain(`--allowed-host ${name}`);
    } finally {
      upstream.closeAllConnections();
      upstream.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

test("the Dockerfile copies and starts what is there", async () => {
  const lines = readFileSync(path.join(root, "examples/http/Dockerfile"), "utf8")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const instructions = lines.map((line) => line.split(" ")[0]);
  expect(
    instructions.filter(
      (word) =>
        !["FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "EXPOSE", "USER", "HEALTHCHECK", "CMD"].includes(word!),
    ),
  ).toEqual([]);
  expect([instructions[0], instructions.at(-1)]).toEqual(["FROM", "CMD"]);
  const command = JSON.parse(lines.at(-1)!.slice("CMD ".length)) as string[];
  const { bin } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { bin: { caduceus: string } };
  expect(command.slice(0, 2)).toEqual(["node", `node_modules/caduceus/${bin.caduceus}`]);
  // The command line takes what it is started with: it goes on to load the model that is not there.
  const { checkCommandLine } = await import("./command_lines.js");
  expect(await checkCommandLine(["caduceus", ...command.slice(2)].join(" "))).toBeUndefined();
  const healthcheck = JSON.parse(
    /CMD (\[.+\])$/.exec(lines.find((line) => line.startsWith("HEALTHCHECK"))!)![1]!,
  ) as string[];
  // Nothing answers here.
  expect(() => execFileSync(process.execPath, healthcheck.slice(1), { stdio: "ignore" })).toThrow();
});
