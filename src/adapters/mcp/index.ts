/**
 * The Model Context Protocol: tools of MCP servers for replies, and a model as an MCP server. Nothing of
 * `@modelcontextprotocol/sdk` is loaded before it is used.
 * @module caduceus/mcp
 */
export { mcpTools, type McpClient, type McpProgress, type McpToolsOptions, type ServerTool } from "./mcp_tools.js";
export { connectMcp, type McpConfig, type McpConnections, type McpServerConfig } from "./connect.js";
export { serveMcp, type McpModel } from "./serve_mcp.js";
