// An MCP server of the SDK's own kind, with tools for tests. As a program it speaks over its pipes: `node
// tool_server.mjs [NAME [weather]]`, with that one tool alone if it is said.
import { pathToFileURL } from "node:url";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

/**
 * `onCancel` is called when a call of `wait` is cancelled.
 * @param {string} name @param {() => void} onCancel @param {boolean} onlyWeather
 */
export function toolServer(name, onCancel = () => {}, onlyWeather = false) {
  const server = new McpServer({ name, version: "1.0.0" });
  const text = (/** @type {string} */ text) => ({ content: [{ type: /** @type {const} */ ("text"), text }] });
  server.registerTool(
    "get_weather",
    { description: "The weather in a city now", inputSchema: { city: z.enum(["Paris", "Rome"]) } },
    ({ city }) => text(`It is 21 degrees in ${city}.`),
  );
  if (onlyWeather) return server;
  server.registerTool(
    "add",
    {
      description: "Adds",
      inputSchema: { a: z.number().int(), b: z.number().int() },
      outputSchema: { sum: z.number() },
    },
    ({ a, b }) => ({ content: [{ type: "text", text: `${a + b}` }], structuredContent: { sum: a + b } }),
  );
  server.registerTool("draw", { description: "Draws" }, () => ({
    content: [
      { type: "text", text: "A cat:" },
      { type: "image", data: "AA==", mimeType: "image/png" },
      { type: "resource", resource: { uri: "file:///note.txt", text: "noted" } },
      { type: "resource", resource: { uri: "file:///a.bin", blob: "AA==", mimeType: "application/x-a" } },
      { type: "resource_link", uri: "file:///more.txt", name: "more" },
    ],
  }));
  server.registerTool("fail", { description: "Fails" }, () => ({ isError: true, ...text("the disk is full") }));
  server.registerTool("odd/name", { description: "Has a name that tools of models cannot have" }, () => text("odd"));
  server.registerTool("wait", { description: "Waits" }, async ({ signal, sendNotification, _meta }) => {
    const progressToken = _meta?.progressToken;
    if (progressToken !== undefined)
      await sendNotification({
        method: "notifications/progress",
        params: { progressToken, progress: 1, total: 2, message: "half" },
      });
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    onCancel();
    return text("cancelled");
  });
  server.registerTool("grow", { description: "Adds a tool" }, () => {
    server.registerTool("grown", { description: "New" }, () => text("grown"));
    return text("grew");
  });
  return server;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await toolServer(process.argv[2] ?? "tests", undefined, process.argv[3] === "weather").connect(
    new StdioServerTransport(),
  );
