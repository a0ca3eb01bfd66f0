// Types of tool_server.mjs.
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";

export function toolServer(name: string, onCancel?: () => void): McpServer;
