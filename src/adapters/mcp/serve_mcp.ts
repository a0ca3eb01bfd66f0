// A model as an MCP server, with tools for what it can do.
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js";
import { CaduceusError, describeThrown } from "../../errors.js";
import type { Message, Model, ReplyOptions } from "../../index.js";
import { packageVersion } from "../../package_folder.js";
import { importPeer } from "../import_peer.js";

/** What a server needs of a model. */
export type McpModel = Pick<Model, "reply" | "embed" | "rerank" | "info">;

type Arguments = Readonly<Record<string, unknown>>;

interface Call {
  readonly signal: AbortSignal;
  /** Called with each piece of text. */
  readonly onText: () => void;
}

interface Offer extends Pick<Tool, "description" | "inputSchema"> {
  readonly run: (model: McpModel, args: Arguments, call: Call) => Promise<CallToolResult>;
}

const text = { type: "string" } as const;
const limits = {
  maxTokens: { type: "integer", minimum: 1, description: "Longest answer, in tokens" },
  temperature: { type: "number", minimum: 0, description: "0 is the likeliest answer" },
} as const;

const generate: Offer = {
  description: "Generates text with a language model that runs on this machine.",
  inputSchema: {
    type: "object",
    properties: { prompt: text, system: { ...text, description: "How the model is to behave" }, ...limits },
    required: ["prompt"],
  },
  async run(model, { prompt, system, ...args }, call) {
    const reply = model.reply(
      [...systemOf(system), { role: "user", content: prompt } as Message],
      optionsOf(args, call),
    );
    for await (const piece of reply.textStream) if (piece !== "") call.onText();
    return { content: [{ type: "text", text: (await reply).text }] };
  },
};

const extract: Offer = {
  description: "Reads a text and writes what it says as JSON that satisfies a JSON Schema.",
  inputSchema: {
    type: "object",
    properties: {
      text,
      schema: { type: "object", description: "JSON Schema of the answer" },
      instructions: { ...text, description: "What to look for" },
      ...limits,
    },
    required: ["text", "schema"],
  },
  async run(model, { text: content, schema, instructions = "Write what the text says as JSON.", ...args }, call) {
    const options = { ...optionsOf(args, call), schema: schema as object, temperature: args["temperature"] ?? 0 };
    const reply = model.reply(
      [...systemOf(instructions), { role: "user", content } as Message],
      options as ReplyOptions,
    );
    for await (const piece of reply.textStream) if (piece !== "") call.onText();
    const { value, text: json } = await reply;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return {
      content: [{ type: "text", text: json }],
      // Integers beyond 2^53 are no numbers here.
      ...(isObject ? { structuredContent: JSON.parse(json) as Record<string, unknown> } : {}),
    };
  },
};

const embed: Offer = {
  description: "Computes a vector for each text: texts of like meaning have like vectors.",
  inputSchema: {
    type: "object",
    properties: { texts: { type: "array", items: text, minItems: 1 } },
    required: ["texts"],
  },
  async run(model, { texts }, { signal }) {
    const { embeddings } = await model.embed(texts as string[], { signal });
    return structured({ embeddings: embeddings.map((embedding) => Array.from(embedding)) });
  },
};

const rerank: Offer = {
  description: "Orders documents by how well they answer a query, the best first.",
  inputSchema: {
    type: "object",
    properties: { query: text, documents: { type: "array", items: text } },
    required: ["query", "documents"],
  },
  async run(model, { query, documents }, { signal }) {
    const { results } = await model.rerank(query as string, documents as string[], { signal });
    return structured({ results });
  },
};

const offers: Readonly<Record<Model["info"]["purpose"], Readonly<Record<string, Offer>>>> = {
  text: { generate, extract, embed },
  embedding: { embed },
  reranking: { rerank },
};

/** Between two notices of progress, in milliseconds. */
const progressMs = 250;

/**
 * Offers a model to an MCP host: `generate`, `extract` and `embed`, or what else the model is for. The server ends with
 * the transport, the model stays open. It may still be loading: then hosts wait for the list of tools.
 *
 * @throws CaduceusError `PACKAGE_MISSING`
 */
export async function serveMcp(model: McpModel | Promise<McpModel>, transport: Transport): Promise<Server> {
  const [{ Server }, types] = await importPeer("@modelcontextprotocol/sdk", () =>
    Promise.all([import("@modelcontextprotocol/sdk/server/index.js"), import("@modelcontextprotocol/sdk/types.js")]),
  );
  const loading = Promise.resolve(model).then((loaded) => ({ loaded, tools: offers[loaded.info.purpose] }));
  loading.catch(() => {}); // Whoever asks for a tool is told.
  const server = new Server({ name: "caduceus", version: packageVersion() }, { capabilities: { tools: {} } });
  server.setRequestHandler(types.ListToolsRequestSchema, async () => ({
    tools: Object.entries((await loading).tools).map(([name, { description, inputSchema }]) => ({
      name,
      description,
      inputSchema,
      annotations: { readOnlyHint: true, openWorldHint: false },
    })),
  }));
  server.setRequestHandler(types.CallToolRequestSchema, async ({ params }, { signal, _meta, sendNotification }) => {
    const { loaded, tools } = await loading;
    const offer = Object.hasOwn(tools, params.name) ? tools[params.name] : undefined;
    if (offer === undefined)
      throw new types.McpError(types.ErrorCode.InvalidParams, `There is no tool ${params.name}.`);
    const progressToken = _meta?.progressToken;
    let progress = 0;
    let told = performance.now();
    const onText = () => {
      progress++;
      if (progressToken === undefined || performance.now() - told < progressMs) return;
      told = performance.now();
      sendNotification({ method: "notifications/progress", params: { progressToken, progress } }).catch(() => {});
    };
    try {
      return await offer.run(loaded, params.arguments ?? {}, { signal, onText });
    } catch (error) {
      if (!(error instanceof CaduceusError)) throw error;
      // The host's model may do better the next time.
      return { isError: true, content: [{ type: "text", text: `${describeThrown(error)} (${error.code})` }] };
    }
  });
  await server.connect(transport);
  return server;
}

function systemOf(content: unknown): Message[] {
  return content === undefined ? [] : [{ role: "system", content } as Message];
}

/** The library checks them. */
const optionsOf = ({ maxTokens, temperature }: Arguments, { signal }: Call) =>
  ({ maxTokens, temperature, signal }) as ReplyOptions;

const structured = (value: object): CallToolResult => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  structuredContent: value as Record<string, unknown>,
});
