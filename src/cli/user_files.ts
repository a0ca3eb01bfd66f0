// What people give as files: tools and schemas, as JSON or as a module of their own, and conversations.
import { stat } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { tool, type JsonSchema, type Message, type Schema, type Tool, type ToolInput } from "../index.js";
import { UsageError } from "./exit_codes.js";
import { expandHome } from "../system/home_folder.js";
import { isStandardInput, readUserText, unreadable } from "./output/user_text.js";

type Exports = Readonly<Record<string, unknown>>;

/**
 * A list of tools as JSON in OpenAI's form, or an ES module: its default export (a tool or an array of them), else all
 * tools among its exports.
 */
export async function readTools(file: string, signal?: AbortSignal): Promise<ToolInput[]> {
  // What is wrong with one of them is said by the library.
  if (isJson(file)) return listOf(await readJson(file, signal), file);
  const { default: main, ...named } = await importModule(file);
  if (main !== undefined) return listOf(main, file);
  const tools = Object.values(named).filter(isTool);
  if (tools.length === 0)
    throw new UsageError(
      `Expected tools in ${file} but it exports none: a default export with an array of them, or each with a name of its own.`,
    );
  return tools;
}

/**
 * A JSON Schema as JSON, or an ES module whose default export, or export `schema`, is a schema: JSON Schema, zod,
 * valibot, arktype.
 */
export async function readSchema(file: string, signal?: AbortSignal): Promise<Schema> {
  if (isJson(file)) return (await readJson(file, signal)) as Schema;
  const { default: main, schema = main } = await importModule(file);
  if (schema === undefined)
    throw new UsageError(`Expected a schema in ${file} but it has no default export and none that is called schema.`);
  return schema as Schema;
}

/** Settings as JSON, or an ES module whose default export they are. */
export async function readSettings(file: string, signal?: AbortSignal): Promise<Record<string, unknown>> {
  const content = isJson(file) ? await readJson(file, signal) : (await importModule(file))["default"];
  if (typeof content === "object" && content !== null && !Array.isArray(content))
    return content as Record<string, unknown>;
  throw new UsageError(
    isJson(file) ? `Expected an object in ${file}.` : `Expected an object as the default export of ${file}.`,
  );
}

/**
 * Messages in OpenAI's form: an array of them, or an object with `messages` as requests have it. What is wrong with one
 * is said by the library.
 */
export async function readConversation(file: string, signal?: AbortSignal): Promise<Message[]> {
  const content = await readJson(file, signal);
  const messages = Array.isArray(content)
    ? (content as unknown[])
    : (content as { messages?: unknown } | null)?.messages;
  if (!Array.isArray(messages))
    throw new UsageError(`Expected an array of messages in ${file}, or an object with messages.`);
  return messages as Message[];
}

/** A configuration of MCP servers. What is wrong in it is said where they are connected to. */
export const readMcpConfig = (file: string, signal?: AbortSignal): Promise<unknown> => readJson(file, signal);

/** Calls of such tools are given back, and nothing runs. */
export function withoutHandlers(tools: readonly ToolInput[]): ToolInput[] {
  return tools.map((one) => tool(toolDefinition(one)));
}

export const hasHandler = (one: ToolInput): boolean => !("function" in one) && one.execute !== undefined;

/** What the model is told of a tool, in whichever form that was given. */
export function toolDefinition(one: ToolInput): {
  readonly name: string;
  readonly description: string | undefined;
  readonly parameters: JsonSchema | undefined;
} {
  const { name, description, parameters } = "function" in one ? one.function : one;
  return { name, description: description ?? undefined, parameters: parameters ?? undefined };
}

/** All that is no module, pipes of a shell included. */
const isJson = (file: string) => !/\.[cm]?[jt]s$/i.test(file);

function listOf(content: unknown, file: string): ToolInput[] {
  const tools = Array.isArray(content) ? (content as ToolInput[]) : isTool(content) ? [content] : undefined;
  if (tools === undefined) throw new UsageError(`Expected an array of tools in ${file}.`);
  if (tools.length === 0) throw new UsageError(`Expected at least one tool in ${file} but the array is empty.`);
  return tools;
}

function isTool(value: unknown): value is Tool {
  if (typeof value !== "object" || value === null) return false;
  const { name, parameters, execute, type } = value as Exports;
  return (
    type === "function" ||
    (typeof name === "string" && (typeof parameters === "object" || typeof execute === "function"))
  );
}

async function readJson(file: string, signal: AbortSignal | undefined): Promise<unknown> {
  const text = await readUserText(file, { signal, strict: true });
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UsageError(
      text.trim() === ""
        ? `Expected JSON in ${file} but it is empty.`
        : `${file} is not JSON: ${(error as Error).message.replaceAll(/\s+/g, " ")}.${otherwise(file)}`,
    );
  }
}

/** What else the file may have been meant as. */
const otherwise = (file: string) =>
  /\.(json|jsonl)$/i.test(file) || isStandardInput(file) ? "" : " Modules end with .js, .mjs or .cjs.";

async function importModule(named: string): Promise<Exports> {
  const file = expandHome(named);
  const { mtimeMs } = await stat(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  try {
    const url = pathToFileURL(file);
    // A file that was changed since is loaded anew.
    url.searchParams.set("changed", String(mtimeMs));
    return (await import(url.href)) as Exports;
  } catch (error) {
    const isUnknown = (error as NodeJS.ErrnoException | null)?.code === "ERR_UNKNOWN_FILE_EXTENSION";
    if (isUnknown)
      throw new UsageError(
        `${file} cannot be loaded: this Node, ${process.version}, knows no TypeScript, which Node 22.18 and newer do. Give it as JavaScript.`,
      );
    throw new UsageError(
      `${file} cannot be loaded as a module: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
