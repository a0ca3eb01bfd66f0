// Checks calls against the given tools: the name must exist, the arguments must satisfy the tool's schema.

import { describe, invalidArgument, invalidValue, reading } from "../../../errors.js";
import { checkOptions } from "../../../options/option_checks.js";
import { copySchema, type SchemaIssue } from "../../../schema/json_schema.js";
import { compileSchema, dialectOf } from "../../../schema/check/schema_compiler.js";
import { atOnce } from "../../../schema/cooperative_work.js";
import type { CallCheck, CallFault, ToolDefinition, ToolFunction } from "../parser/reply_types.js";
import { isObject } from "../../../json_object.js";

/**
 * Checks calls against these tools. Schemas are read as JSON Schema 2020-12, or as draft-07 where `$schema` or their
 * keywords say so, each when its tool is first called (changes to a schema object after that are not seen). A schema
 * that cannot be read checks nothing but that the arguments are an object: refusing schemas is the business of whoever
 * takes them from the user.
 */
export function createCallCheck(tools: readonly ToolDefinition[]): CallCheck {
  const checks = new Map<string, (args: unknown) => string | undefined>();
  reading("tools", () => {
    if (!Array.isArray(tools)) throw invalidArgument("an array of tools", "tools", tools);
    for (const [index, tool] of tools.entries()) {
      const { name, parameters } = toolFunction(tool as ToolDefinition, index);
      if (!checks.has(name)) checks.set(name, lazySchemaCheck(parameters));
    }
  });
  return (name, args): CallFault | undefined => {
    const check = checks.get(name);
    if (!check) {
      const known = [...checks.keys()]
        .slice(0, 20)
        .map((known) => JSON.stringify(known))
        .join(", ");
      return {
        problem: "unknown-tool",
        message: `There is no tool named ${describe(name)}${known ? `; there is ${known}` : ""}.`,
      };
    }
    if (!isObject(args)) {
      return {
        problem: "invalid-arguments",
        message: invalidValue({
          expected: "an object",
          place: `the arguments of ${describe(name)}`,
          received: describe(args),
        }),
      };
    }
    const message = check(args);
    return message === undefined ? undefined : { problem: "invalid-arguments", message };
  };
}

/** The inner part of a tool definition, in whichever of its two forms it comes. */
export function toolFunction(tool: ToolDefinition, index: number): ToolFunction {
  const where = `tools[${index}]`;
  const isWrapped = typeof tool === "object" && tool !== null && "function" in tool;
  const inner: unknown = isWrapped ? tool.function : tool;
  if (typeof inner !== "object" || inner === null || typeof (inner as ToolFunction).name !== "string") {
    throw invalidArgument("a tool with a name", "tools", tool);
  }
  if (isWrapped) checkOptions(tool, where, ["type", "function"]);
  return checkOptions(inner, isWrapped ? `${where}.function` : where, functionNames) as unknown as ToolFunction;
}

/** Of OpenAI's forms of a tool, and of what `tool()` makes. */
const functionNames = ["name", "description", "parameters", "strict", "type", "execute", "timeoutMs"];

type Check = (args: unknown) => readonly SchemaIssue[];

// A parser is made for every reply: each schema object is read once.
const compiledSchemas = new WeakMap<object, Check>();

function lazySchemaCheck(schema: unknown): (args: unknown) => string | undefined {
  if (schema === false) return () => "The tool takes no arguments at all.";
  if (typeof schema !== "object" || schema === null) return () => undefined;
  return (args) => {
    let check = compiledSchemas.get(schema);
    if (check === undefined) compiledSchemas.set(schema, (check = compile(schema)));
    const [issue] = check(args);
    return (
      issue &&
      `${issue.path === "" ? "The value of arguments" : `The argument ${issue.path.replace(/^\./, "")}`} ${issue.message}.`
    );
  };
}

function compile(schema: object): Check {
  try {
    const copy = copySchema(schema, "parameters");
    const check = atOnce(compileSchema(copy, dialectOf(copy, "parameters"), "parameters"));
    return (args) => atOnce(check(args));
  } catch {
    return () => [];
  }
}
