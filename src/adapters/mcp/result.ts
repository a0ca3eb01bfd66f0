// What a call of an MCP tool gave, as the result of a tool.
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { leftOut } from "../answered.js";

type Block = CallToolResult["content"][number];

/** Structured content if there is some, else the text. Throws what the server calls an error. */
export function readResult(result: object): unknown {
  // Servers of the protocol's first version.
  if ("toolResult" in result) return result.toolResult;
  const { content = [], structuredContent, isError } = result as Partial<CallToolResult>;
  const text = content.map(textOf).join("\n");
  if (isError) throw new Error(text === "" ? "the server gives no reason" : text);
  return structuredContent ?? text;
}

function textOf(block: Block): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "resource":
      return "text" in block.resource
        ? block.resource.text
        : leftOut(`${block.resource.mimeType ?? "data"} at ${block.resource.uri}`);
    case "resource_link":
      return `${block.name}: ${block.uri}`;
    default:
      return leftOut(block.mimeType ?? block.type);
  }
}
