// Tools of MCP servers as tools of a reply.
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CaduceusError } from "../../errors.js";
import { tool, type JsonSchema, type RunnableTool } from "../../index.js";
import { importPeer } from "../import_peer.js";
import { readResult } from "./result.js";
import { distinctNames } from "./tool_names.js";

/** A client of `@modelcontextprotocol/sdk` that is connected to a server. */
export type McpClient = Pick<
  Client,
  "listTools" | "callTool" | "getServerCapabilities" | "getServerVersion" | "setNotificationHandler"
>;

/** A tool as its server lists it. */
export interface ServerTool {
  /** The key of the client, or what the server calls itself. */
  readonly server: string;
  /** The server's own name of it. */
  readonly name: string;
  readonly description: string | undefined;
}

/** What a server tells while it runs a call. */
export interface McpProgress extends ServerTool {
  readonly callId: string;
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

/** Which tools are taken, and how their calls are made. */
export interface McpToolsOptions {
  /** Which tools are taken. Small models choose better among few. Defaults to all. */
  readonly filter?: ((tool: ServerTool) => boolean) | undefined;
  /** Milliseconds that a call may take. Above 0, or Infinity. Defaults to the reply's `toolTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Called when a server tells of the progress of a call. Defaults to not asking for it. */
  readonly onProgress?: ((progress: McpProgress) => void) | undefined;
  /**
   * Called with all tools anew after a server has said that its list has changed. If they cannot be listed or used, the
   * client's `onerror` is told. Replies that run keep the tools that they began with. Defaults to staying with the
   * first list.
   */
  readonly onChange?: ((tools: RunnableTool[]) => void) | undefined;
  /** Cancels the listing. */
  readonly signal?: AbortSignal | undefined;
}

/** Of all servers together. */
const mostTools = 1_000;
/** The time limit is the reply's; the SDK has one of its own, which is set to the most that a timer can wait. */
const longestMs = 0x7fffffff;

/**
 * Lists the tools of one server, or of several by the names that you give them.
 *
 * A name that two servers share gets its server's name in front, and characters that names of tools cannot have become
 * `_`. Calls send the server's own name. Cancelling the reply cancels the call.
 *
 * @throws CaduceusError `INVALID_TOOL` or `INVALID_SCHEMA` for a tool that cannot be used; `filter` can leave it out
 */
export async function mcpTools(
  clients: McpClient | Readonly<Record<string, McpClient>>,
  options: McpToolsOptions = {},
): Promise<RunnableTool[]> {
  const servers = isClient(clients)
    ? [{ server: clients.getServerVersion()?.name ?? "server", client: clients }]
    : Object.entries(clients).map(([server, client]) => ({ server, client }));
  const tools = await listAll(servers, options);
  if (options.onChange !== undefined) await followChanges(servers, options, options.onChange);
  return tools;
}

const isClient = (value: McpClient | Readonly<Record<string, McpClient>>): value is McpClient =>
  typeof (value as Partial<McpClient>).listTools === "function";

interface Server {
  readonly server: string;
  readonly client: McpClient;
}

type Listed = Server & { readonly one: Awaited<ReturnType<McpClient["listTools"]>>["tools"][number] };

async function listAll(servers: readonly Server[], options: McpToolsOptions): Promise<RunnableTool[]> {
  const lists = await Promise.all(servers.map((server) => listOne(server, options.signal)));
  const listed = lists
    .flat()
    .filter(({ server, one }) => options.filter?.({ server, name: one.name, description: one.description }) ?? true);
  const names = distinctNames(listed.map(({ server, one }) => ({ server, name: one.name })));
  return listed.map((entry, index) => toolOf(entry, names[index]!, options));
}

async function listOne(server: Server, signal: AbortSignal | undefined): Promise<Listed[]> {
  const { client } = server;
  if (client.getServerCapabilities()?.tools === undefined) return [];
  const tools: Listed[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor }, { ...(signal && { signal }) });
    tools.push(...page.tools.map((one) => ({ ...server, one })));
    cursor = page.nextCursor;
    if (tools.length > mostTools || (cursor !== undefined && page.tools.length === 0))
      throw new CaduceusError("INVALID_TOOL", `The MCP server ${server.server} lists too many tools: ${tools.length}.`);
  } while (cursor !== undefined);
  return tools;
}

function toolOf({ server, client, one }: Listed, name: string, { timeoutMs, onProgress }: McpToolsOptions) {
  const { description = one.title } = one;
  const about = { server, name: one.name, description };
  return tool({
    name,
    description,
    parameters: one.inputSchema as JsonSchema,
    timeoutMs,
    async execute(args, { signal, callId }) {
      const result = await client.callTool({ name: one.name, arguments: plain(args) }, undefined, {
        signal,
        timeout: longestMs,
        ...(onProgress && { onprogress: (progress) => onProgress({ ...about, callId, ...progress }) }),
      });
      return readResult(result);
    },
  });
}

/** JSON has no integers beyond 2^53 in the SDK's hands: they become the nearest number. */
function plain(args: unknown): Record<string, unknown> {
  const text = JSON.stringify(args, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value));
  return JSON.parse(text) as Record<string, unknown>;
}

async function followChanges(
  servers: readonly Server[],
  options: McpToolsOptions,
  onChange: (tools: RunnableTool[]) => void,
): Promise<void> {
  const { ToolListChangedNotificationSchema } = await importPeer(
    "@modelcontextprotocol/sdk",
    () => import("@modelcontextprotocol/sdk/types.js"),
  );
  const { signal: _, ...rest } = options;
  let listing: Promise<RunnableTool[]> | undefined;
  let isOutdated = false;
  // However many changes a server tells of, one listing runs at a time, and one more after it.
  const list = async (): Promise<RunnableTool[]> => {
    for (;;) {
      isOutdated = false;
      const tools = await listAll(servers, rest);
      if (!isOutdated) return tools;
    }
  };
  for (const { client } of servers) {
    client.setNotificationHandler(ToolListChangedNotificationSchema, async () => {
      isOutdated = true;
      if (listing !== undefined) return;
      try {
        onChange(await (listing = list()));
      } finally {
        listing = undefined;
      }
    });
  }
}
