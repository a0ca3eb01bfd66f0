// `mcpTools` with servers of the SDK's own kind, over real pipes and HTTP, and a real engine.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectMcp, mcpTools, type McpConfig, type McpConnections } from "../../../src/adapters/mcp/index.js";
import type { ReplyOptions, RunnableTool, ToolResultEvent } from "../../../src/index.js";
import { call } from "../../server/clients/answering.js";
import { speakingModel } from "../../support/engines/speaking_engine.js";
import { toolServer } from "./tool_server.mjs";

const program = fileURLToPath(new URL("tool_server.mjs", import.meta.url));
const overPipes = (name = "tests"): McpConfig => ({
  mcpServers: { [name]: { command: process.execPath, args: [program, name] } },
});
let cancelled = 0;

/** A server over streamable HTTP, and over the older transport at /sse; for the whole file. */
async function overHttp(): Promise<{ readonly config: McpConfig; readonly sse: McpConfig; close(): Promise<void> }> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const streams = new Map<string, SSEServerTransport>();
  const http = createServer(async (request, response) => {
    expect(request.headers["x-key"]).toBe("secret");
    const { pathname, searchParams } = new URL(request.url!, "http://localhost");
    if (pathname === "/sse") {
      const stream = new SSEServerTransport("/messages", response);
      streams.set(stream.sessionId, stream);
      return toolServer("web", () => cancelled++).connect(stream);
    }
    if (pathname === "/messages")
      return streams.get(searchParams.get("sessionId")!)!.handlePostMessage(request, response);
    let transport = sessions.get(String(request.headers["mcp-session-id"]));
    if (transport === undefined) {
      const made = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => `session-${sessions.size}`,
        onsessioninitialized: (id) => void sessions.set(id, made),
      });
      await toolServer("web", () => cancelled++).connect(made as Transport);
      transport = made;
    }
    await transport.handleRequest(request, response);
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const headers = { "x-key": "secret" };
  return {
    config: { mcpServers: { web: { type: "http", url: `${url}/mcp`, headers } } },
    sse: { mcpServers: { web: { type: "sse", url: `${url}/sse`, headers } } },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function connected(config: McpConfig): Promise<McpConnections> {
  const connections = await connectMcp(config);
  onTestFinished(() => connections.close());
  return connections;
}

/** What becomes of one call of a model. */
async function calling(
  tools: readonly RunnableTool[],
  [name, args]: readonly [name: string, args: object],
  options: ReplyOptions = {},
): Promise<ToolResultEvent> {
  const { model } = await speakingModel("control", [call(name, args), "Well."]);
  onTestFinished(() => model.close());
  for await (const event of model.reply("Go on.", { tools, ...options }))
    if (event.type === "tool-result") return event;
  throw new Error("There was no call.");
}

let http: Awaited<ReturnType<typeof overHttp>>;
beforeAll(async () => {
  http = await overHttp();
});
afterAll(() => http.close());

describe.each([
  ["pipes", () => overPipes()],
  ["HTTP", () => http.config],
  ["SSE", () => http.sse],
])("over %s", (transport, configOf) => {
  test("the model calls a tool by its schema, and gets its text", async () => {
    const { clients } = await connected(configOf());
    const tools = await mcpTools(clients);
    const weather = tools.find(({ name }) => name === "get_weather")!;
    expect(weather).toMatchObject({
      description: "The weather in a city now",
      parameters: { type: "object", properties: { city: { enum: ["Paris", "Rome"] } }, required: ["city"] },
    });
    expect(await calling(tools, ["get_weather", { city: "Rome" }])).toMatchObject({
      content: "It is 21 degrees in Rome.",
    });
  });

  test("results are structured where the server has that, and what is no text is named", async () => {
    const { clients } = await connected(configOf());
    const tools = await mcpTools(clients);
    expect(await calling(tools, ["add", { a: 2, b: 3 }])).toMatchObject({ result: { sum: 5 }, content: '{"sum": 5}' });
    expect((await calling(tools, ["draw", {}])).content.split("\n")).toEqual([
      "A cat:",
      "[Left out: image/png. This model reads text only.]",
      "noted",
      "[Left out: application/x-a at file:///a.bin. This model reads text only.]",
      "more: file:///more.txt",
    ]);
  });

  test("what the server calls an error is a failure that the model is told", async () => {
    const { clients } = await connected(configOf());
    const { failure, content } = await calling(await mcpTools(clients), ["fail", {}]);
    expect([failure, content]).toEqual(["threw", expect.stringContaining("the disk is full")]);
  });

  test("progress is told, and a call ends at its time limit, on the server too", async () => {
    const before = cancelled;
    const { clients } = await connected(configOf());
    const told: object[] = [];
    const tools = await mcpTools(clients, { onProgress: (one) => void told.push(one), timeoutMs: 1_000 });
    const { failure, id } = await calling(tools, ["wait", {}]);
    expect(failure).toBe("timeout");
    expect(told).toMatchObject([{ name: "wait", callId: id, progress: 1, total: 2, message: "half" }]);
    if (transport !== "pipes") await expect.poll(() => cancelled).toBe(before + 1);
  });

  test("a change of the list is told with all tools anew", async () => {
    const { clients } = await connected(configOf());
    const lists: string[][] = [];
    const onChange = (tools: RunnableTool[]) => void lists.push(tools.map(({ name }) => name));
    const tools = await mcpTools(clients, { onChange });
    expect(tools.map(({ name }) => name)).not.toContain("grown");
    await calling(tools, ["grow", {}]);
    await expect.poll(() => lists.at(-1)).toContain("grown");
  });
});

test("cancelling the reply cancels the call on the server", async () => {
  const before = cancelled;
  const { clients } = await connected(http.config);
  const cancelling = new AbortController();
  const tools = await mcpTools(clients, { onProgress: () => cancelling.abort() });
  await expect(calling(tools, ["wait", {}], { signal: cancelling.signal })).rejects.toSatisfy(
    (error) => error === cancelling.signal.reason,
  );
  await expect.poll(() => cancelled).toBe(before + 1);
});

test("names that two servers share get the server's name, others stay, and each call goes to its own server", async () => {
  const { clients } = await connected({ mcpServers: { ...overPipes("files").mcpServers, ...http.config.mcpServers } });
  const filter = ({ server, name }: { server: string; name: string }) =>
    name === "get_weather" || (server === "web" && name === "odd/name");
  const tools = await mcpTools(clients, { filter });
  expect(tools.map(({ name }) => name).sort()).toEqual(["files_get_weather", "odd_name", "web_get_weather"]);
  expect((await calling(tools, ["odd_name", {}])).content).toBe("odd");
  expect((await calling(tools, ["files_get_weather", { city: "Paris" }])).content).toContain("Paris");
});

test("a single client needs no name", async () => {
  const { clients } = await connected(overPipes());
  expect((await mcpTools(clients["tests"]!)).map(({ name }) => name)).toContain("add");
});

test.each([
  [{}, "mcpServers"],
  [{ mcpServers: { a: {} } }, "mcpServers.a"],
  [{ mcpServers: { a: { command: "x", url: "http://localhost" } } }, "mcpServers.a"],
  [{ mcpServers: { a: { command: "x", args: "y" } } }, "mcpServers.a.args"],
  [{ mcpServers: { a: { command: "x", env: { A: 1 } } } }, "mcpServers.a.env"],
  [{ mcpServers: { a: { url: "nowhere" } } }, "mcpServers.a.url"],
  [{ mcpServers: { a: { url: "http://localhost", type: "ftp" } } }, "mcpServers.a.type"],
])("the configuration %j is refused by its place", async (config, param) => {
  await expect(connectMcp(config as McpConfig)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", param });
});

test("a server that does not start is named with what it said, and one that is disabled is left out", async () => {
  const broken = { command: process.execPath, args: ["-e", "console.error('no licence'); process.exit(3)"] };
  await expect(connectMcp({ mcpServers: { ...overPipes().mcpServers, broken } })).rejects.toMatchObject({
    code: "SYSTEM_ERROR",
    param: "mcpServers.broken",
    message: expect.stringMatching(/broken.*no licence/s),
  });
  const missing = { command: "no-such-program" };
  await expect(connectMcp({ mcpServers: { missing } })).rejects.toMatchObject({ param: "mcpServers.missing" });
  const { clients } = await connected({ mcpServers: { missing: { ...missing, disabled: true } } });
  expect(clients).toEqual({});
});
