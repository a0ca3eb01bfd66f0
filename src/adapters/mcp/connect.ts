// Connections to MCP servers by the configuration that hosts share: `{ "mcpServers": { … } }`.
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { CaduceusError, describeThrown, invalidArgument } from "../../errors.js";
import { isObject } from "../../json_object.js";
import { packageVersion } from "../../package_folder.js";
import { importPeer } from "../import_peer.js";

/** A program that is started and spoken to over its pipes, or the address of a server. */
export type McpServerConfig =
  | {
      readonly command: string;
      readonly args?: readonly string[] | undefined;
      /** Added to the few variables that the SDK passes on, such as `PATH` and `HOME`. */
      readonly env?: Readonly<Record<string, string>> | undefined;
      readonly cwd?: string | undefined;
      readonly disabled?: boolean | undefined;
    }
  | {
      readonly url: string;
      /** Defaults to `"http"`, which is streamable HTTP. */
      readonly type?: "http" | "streamable-http" | "sse" | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly disabled?: boolean | undefined;
    };

/** The configuration that MCP hosts share. */
export interface McpConfig {
  readonly mcpServers: Readonly<Record<string, McpServerConfig>>;
}

/** What `connectMcp` has connected to. */
export interface McpConnections {
  /** By the names of the configuration, as `mcpTools` takes them. */
  readonly clients: Readonly<Record<string, Client>>;
  /** Ends the connections, and the programs that were started. */
  close(): Promise<void>;
}

const sdk = "@modelcontextprotocol/sdk";
const longestError = 2_000;

/**
 * Connects to all servers of a configuration that are not disabled. If one cannot be reached, the others are closed.
 *
 * @throws CaduceusError `INVALID_ARGUMENT` for a configuration that is none, `PACKAGE_MISSING`, `SYSTEM_ERROR` for a
 * server that cannot be reached
 */
export async function connectMcp(
  config: McpConfig,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<McpConnections> {
  const servers = readConfig(config);
  const { Client } = await importPeer(sdk, () => import("@modelcontextprotocol/sdk/client/index.js"));
  const open: Client[] = [];
  const close = async () => void (await Promise.allSettled(open.map((client) => client.close())));
  const connecting = servers.map(async ([name, server]): Promise<[string, Client]> => {
    const client = new Client({ name: "caduceus", version: packageVersion() });
    const { transport, said } = await transportOf(server);
    open.push(client);
    try {
      await client.connect(transport, { ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      const reason = said() === "" ? describeThrown(error) : `${describeThrown(error)}. It said: ${said()}`;
      throw new CaduceusError("SYSTEM_ERROR", `The MCP server ${name} cannot be reached: ${reason}`, {
        param: `mcpServers.${name}`,
        cause: error,
      });
    }
    return [name, client];
  });
  const results = await Promise.allSettled(connecting);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return { clients: Object.fromEntries(await Promise.all(connecting)), close };
}

/** `said`: the last that a program wrote to standard error. */
async function transportOf(
  server: McpServerConfig,
): Promise<{ readonly transport: Transport; readonly said: () => string }> {
  if ("command" in server) {
    const { StdioClientTransport, getDefaultEnvironment } = await importPeer(
      sdk,
      () => import("@modelcontextprotocol/sdk/client/stdio.js"),
    );
    const { command, args = [], env = {}, cwd } = server;
    const transport = new StdioClientTransport({
      command,
      args: [...args],
      env: { ...getDefaultEnvironment(), ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stderr: "pipe",
    });
    let text = "";
    transport.stderr?.on("data", (piece: Buffer) => (text = (text + piece.toString()).slice(-longestError)));
    return { transport, said: () => text.trim() };
  }
  const url = new URL(server.url);
  const options = { requestInit: { headers: { ...server.headers } } };
  const said = () => "";
  if (server.type === "sse") {
    const { SSEClientTransport } = await importPeer(sdk, () => import("@modelcontextprotocol/sdk/client/sse.js"));
    return { transport: new SSEClientTransport(url, options), said };
  }
  const { StreamableHTTPClientTransport } = await importPeer(
    sdk,
    () => import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
  );
  return { transport: new StreamableHTTPClientTransport(url, options) as Transport, said };
}

/** Only what would fail later without a plain reason. */
function readConfig(config: unknown): [string, McpServerConfig][] {
  const servers = isObject(config) ? config["mcpServers"] : undefined;
  if (!isObject(servers)) throw invalidArgument("an object with a server for each name", "mcpServers", servers);
  return Object.entries(servers).flatMap(([name, server]): [string, McpServerConfig][] => {
    const place = `mcpServers.${name}`;
    if (!isObject(server)) throw invalidArgument("an object", place, server);
    const { command, args = [], env = {}, headers = {}, url, type, disabled } = server;
    if (disabled === true) return [];
    if ((typeof command === "string") === (typeof url === "string"))
      throw invalidArgument("either a command or a url, as text", place, server);
    if (typeof url === "string" && !URL.canParse(url)) throw invalidArgument("a URL", `${place}.url`, url);
    if (!Array.isArray(args) || !args.every((one) => typeof one === "string"))
      throw invalidArgument("an array of strings", `${place}.args`, args);
    for (const [key, value] of Object.entries({ env, headers }))
      if (!isObject(value) || !Object.values(value).every((one) => typeof one === "string"))
        throw invalidArgument("an object of strings", `${place}.${key}`, value);
    if (typeof url === "string" && ![undefined, "http", "streamable-http", "sse"].includes(type as undefined))
      throw invalidArgument('"http" or "sse"', `${place}.type`, type);
    return [[name, server as unknown as McpServerConfig]];
  });
}
