// A program with tools of an MCP server, the same for each version of the SDK.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { load, type RunnableTool } from "caduceus";
import { mcpTools, serveMcp, type McpClient } from "caduceus/mcp";

await using model = await load(process.argv[2]!);
const [ours, theirs] = InMemoryTransport.createLinkedPair();
await serveMcp(model, ours);
const client = new Client({ name: "program", version: "1.0.0" });
await client.connect(theirs);
const tools: RunnableTool[] = await mcpTools(client satisfies McpClient);
console.log(`${tools.length} tools`);
await client.close();

// @ts-expect-error the declarations are found, and are not all `any`
export const wrong = (): unknown => mcpTools(3);
