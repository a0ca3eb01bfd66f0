// `caduceus chat --mcp`: the tools of MCP servers, as long as the chat lasts.
import { connectMcp, mcpTools, type McpConfig } from "../../adapters/mcp/index.js";
import type { RunnableTool } from "../../index.js";
import { note, withoutControls } from "../output/terminal.js";
import { readMcpConfig } from "../user_files.js";

/** Runs work with the tools of the servers in a file; none without one. `current` gives those that there are now. */
export async function withMcpTools<T>(
  file: string | undefined,
  signal: AbortSignal,
  work: (current: () => readonly RunnableTool[]) => Promise<T>,
): Promise<T> {
  if (file === undefined) return work(() => []);
  const config = (await readMcpConfig(file, signal)) as McpConfig;
  const { clients, close } = await connectMcp(config, { signal });
  try {
    for (const [name, client] of Object.entries(clients))
      client.onerror = (error) => note(`(${name}: ${withoutControls(error.message)})`);
    let tools: readonly RunnableTool[] = [];
    tools = await mcpTools(clients, { signal, onChange: (changed) => void (tools = changed) });
    return await work(() => tools);
  } finally {
    await close();
  }
}
