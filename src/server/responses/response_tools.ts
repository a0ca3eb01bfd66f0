// Tools and tool choice of responses, as the functions that the library knows.
import type { FunctionTool, ReplyOptions } from "../../index.js";
import { describe } from "../../errors.js";
import { checkNames } from "../fields/check_fields.js";
import { Fields, invalidContent, unsupported } from "../fields/read_fields.js";

/** A tool that the model may call. */
export interface ResponseTool {
  /** `custom` takes a text in place of arguments; it is a function with the one argument `input`. */
  readonly type: "function" | "custom";
  readonly name: string;
  readonly namespace: string | undefined;
  /** By which the model knows it. */
  readonly function: FunctionTool["function"];
  readonly strict: boolean;
  /** Its place in the request. */
  readonly path: string;
}

const textInput = {
  type: "object",
  properties: { input: { type: "string" } },
  required: ["input"],
  additionalProperties: false,
};

/** Tools that servers run. Codex sends these to every server; a model that is not told of them cannot call them. */
const leftOut: readonly string[] = ["web_search", "image_generation", "tool_search"];

export function readTools(body: Fields): ResponseTool[] {
  return (body.list("tools") ?? []).flatMap((value, index) => readTool(new Fields(value, `tools[${index}]`)));
}

function readTool(tool: Fields, namespace?: string): ResponseTool[] {
  const type = tool.required("type", tool.text);
  if (type === "namespace" && namespace === undefined) {
    const name = tool.required("name", tool.text);
    const path = tool.path("tools");
    return tool
      .required("tools", tool.list)
      .flatMap((value, index) => readTool(new Fields(value, `${path}[${index}]`), name));
  }
  if (leftOut.includes(type)) return [];
  if (type !== "function" && type !== "custom")
    throw unsupported(tool.path("type"), `the server does not run ${describe(type)}; give it functions.`);
  const name = tool.required("name", tool.text);
  const own = { type, name, namespace, path: tool.path("").replace(/\.$/, "") } as const;
  const description = tool.text("description");
  const known = namespace === undefined ? name : `${namespace}__${name}`;
  if (type === "custom") {
    checkNames(tool, ["type", "name", "description", "format", "defer_loading"]);
    const format = tool.fields("format");
    if (format !== undefined && format.required("type", format.text) !== "text")
      throw unsupported(format.path("type"), "the input of a custom tool is any text.");
    return [{ ...own, strict: false, function: { name: known, description, parameters: textInput } }];
  }
  checkNames(tool, ["type", "name", "description", "parameters", "strict", "defer_loading"]);
  const parameters = tool.fields("parameters") && (tool.value("parameters") as Record<string, unknown>);
  return [{ ...own, strict: tool.boolean("strict") ?? false, function: { name: known, description, parameters } }];
}

interface ToolChoice {
  readonly choice: ReplyOptions["toolChoice"];
  readonly tools: readonly ResponseTool[];
}

/** With the tools that may be called: others are not shown either, since a model begins calls of what it is told of. */
export function readToolChoice(body: Fields, tools: readonly ResponseTool[]): ToolChoice {
  const value = body.value("tool_choice");
  if (value === undefined || typeof value === "string")
    return { choice: body.choice("tool_choice", ["auto", "none", "required"] as const), tools };
  const choice = new Fields(value, "tool_choice");
  const type = choice.required("type", (name) => choice.choice(name, ["function", "custom", "allowed_tools"]));
  if (type !== "allowed_tools") return { choice: { name: named(choice, tools).function.name }, tools };
  const mode = choice.required("mode", (name) => choice.choice(name, ["auto", "required"] as const));
  const path = choice.path("tools");
  const list = choice.required("tools", choice.list);
  const allowed = new Set(
    list
      .map((one, index) => new Fields(one, `${path}[${index}]`))
      .filter((one) => !leftOut.includes(one.required("type", one.text)))
      .map((one) => named(one, tools)),
  );
  if (list.length === 0) throw invalidContent(path, "names of the request's tools", "an empty list");
  return { choice: mode, tools: tools.filter((tool) => allowed.has(tool)) };
}

function named(fields: Fields, tools: readonly ResponseTool[]): ResponseTool {
  const name = fields.required("name", fields.text);
  const namespace = fields.text("namespace");
  const tool = tools.find((one) => one.name === name && one.namespace === namespace);
  if (tool === undefined)
    throw invalidContent(fields.path("name"), "the name of one of the request's tools", describe(name));
  return tool;
}

/** A tool as responses repeat it. */
export function echoTool({
  type,
  name,
  namespace,
  strict,
  function: { description, parameters },
}: ResponseTool): object {
  const own = { type, name, description: description ?? null, ...(namespace === undefined ? {} : { namespace }) };
  return type === "custom" ? own : { ...own, parameters: parameters ?? null, strict };
}

export function echoChoice(known: string, tools: readonly ResponseTool[]): object {
  const { type, name } = tools.find((tool) => tool.function.name === known)!;
  return { type, name };
}
