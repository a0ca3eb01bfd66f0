// `caduceus mcp`: a model as an MCP server over standard input and output, until its host leaves.
import { once } from "node:events";
import { importPeer } from "../../adapters/import_peer.js";
import { serveMcp } from "../../adapters/mcp/index.js";
import type { Model } from "../../index.js";
import type { ModelFlags } from "../flags/model_flags.js";
import { note, withModel } from "../output/terminal.js";

export async function mcpCommand(flags: ModelFlags, ending: AbortSignal): Promise<void> {
  const { StdioServerTransport } = await importPeer(
    "@modelcontextprotocol/sdk",
    () => import("@modelcontextprotocol/sdk/server/stdio.js"),
  );
  const leaving = new AbortController();
  process.stdin.once("end", () => leaving.abort());
  const over = AbortSignal.any([ending, leaving.signal]);
  let settle!: { resolve(model: Model): void; reject(reason: unknown): void };
  const loading = new Promise<Model>((resolve, reject) => (settle = { resolve, reject }));
  loading.catch(() => {}); // It ends the command below.
  // Hosts wait for an answer while the model is loaded.
  const server = await serveMcp(loading, new StdioServerTransport());
  try {
    await withModel(flags, over, async (model) => {
      settle.resolve(model);
      note(`${model.info.name ?? model.info.description}, for the MCP host at standard input.`);
      if (!over.aborted) await once(over, "abort");
      await server.close();
    });
  } catch (error) {
    settle.reject(error);
    if (!over.aborted || error !== over.reason) throw error;
  } finally {
    await server.close();
  }
  ending.throwIfAborted();
}
