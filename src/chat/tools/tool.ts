// Tools: what the model may call, with a schema for the arguments and, where this program runs it, a handler.
import { describe, invalidArgument, mismatch, reading, type CaduceusError } from "../../errors.js";
import { checkOptions } from "../../options/option_checks.js";
import type { JsonSchema } from "../../schema/json_schema.js";
import { invalidSchema } from "../../schema/json_schema.js";
import {
  aboutOption,
  readSchemaInSlices,
  type InferSchema,
  type ReadSchema,
  type Schema,
} from "../../schema/read_schema.js";
import { atOnce, type CooperativeWork } from "../../schema/cooperative_work.js";
import { valuesOfTool, type WorkBudget } from "../../schema/work_budget.js";
import { isObject } from "../../json_object.js";

/** What a handler is told besides its arguments. */
export interface ToolContext {
  /** Aborted when the reply is cancelled or the handler's time is over. */
  readonly signal: AbortSignal;
  /** The call's id, as the conversation's messages carry it. */
  readonly callId: string;
}

/** What `tool()` makes a tool of. */
export interface ToolOptions<S extends Schema = Schema, Result = unknown, Name extends string = string> {
  /** 1 to 64 letters, digits, `_`, `-` or `.`; it must differ from the names of the other tools in a request. */
  readonly name: Name;
  /** What it does and when to use it, for the model. */
  readonly description?: string | undefined;
  /**
   * Any Standard Schema (zod, valibot, arktype, …) or JSON Schema of an object. Default: an object without properties.
   */
  readonly parameters?: S | undefined;
  /**
   * Runs a call with arguments that have passed the schema. Its result goes back to the model; what it throws goes back
   * as an error. Without it, calls are given to the caller of the reply, who answers them.
   */
  readonly execute?: ((args: InferSchema<S>, context: ToolContext) => Result | Promise<Result>) | undefined;
  /** Milliseconds a handler may take; the loop's own default otherwise. A positive number, or Infinity. */
  readonly timeoutMs?: number | undefined;
}

/** A checked tool. Made by `tool()`. */
export interface Tool<Arguments = any, Result = unknown, Name extends string = string> {
  readonly name: Name;
  readonly description?: string | undefined;
  /** JSON Schema of the arguments, as the prompt shows it. */
  readonly parameters: JsonSchema;
  /** @internal The checks of the arguments. Not enumerable, so that a copy by spreading is options again. */
  readonly schema: ReadSchema<Arguments>;
  /** The handler. Without it, calls are given to the caller of the reply. */
  readonly execute?: ((args: Arguments, context: ToolContext) => Result | Promise<Result>) | undefined;
  readonly timeoutMs?: number | undefined;
}

/** A tool whose calls this program runs. */
export interface RunnableTool<Arguments = any, Result = unknown, Name extends string = string>
  extends Tool<Arguments, Result, Name> {
  readonly execute: (args: Arguments, context: ToolContext) => Result | Promise<Result>;
}

interface WithHandler<S extends Schema, Result> {
  readonly execute: (args: InferSchema<S>, context: ToolContext) => Result | Promise<Result>;
}

/** OpenAI's form of a tool, which has no handler. */
export interface FunctionTool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string | null | undefined;
    readonly parameters?: JsonSchema | null | undefined;
    /** Without effect: calls are constrained either way. */
    readonly strict?: boolean | null | undefined;
  };
}

/** What a request takes as a tool. */
export type ToolInput = Tool | FunctionTool;

/**
 * A call as far as the types of the tools tell: one of these for each tool, or of any name where they are not known.
 */
export interface KnownCall {
  readonly name: string;
  readonly arguments: unknown;
}

/** The calls that these tools allow. */
export type CallsOf<T> = T extends readonly (infer One)[] ? CallOf<One> : KnownCall;

type CallOf<T> = T extends { readonly function: { readonly name: infer Name extends string } }
  ? Call<
      Name,
      T extends { readonly function: { readonly parameters: infer P extends Schema } } ? InferSchema<P> : unknown
    >
  : T extends Tool<infer Arguments, any, infer Name>
    ? Call<Name, Arguments>
    : KnownCall;
type Call<Name extends string, Arguments> = string extends Name
  ? KnownCall
  : { readonly name: Name; readonly arguments: Arguments };

const noParameters = { type: "object", properties: {} } as const;
const toolOptionNames = ["name", "description", "parameters", "execute", "timeoutMs"] as const;
const made = new WeakSet<object>();

/**
 * Describes a tool; the handler's arguments are typed by the schema.
 *
 * ```ts
 * import { tool } from "caduceus";
 * import { z } from "zod";
 *
 * const weather = tool({
 *   name: "get_weather",
 *   description: "The weather in a city now",
 *   parameters: z.object({ city: z.string() }),
 *   execute: async ({ city }) => ({ city, celsius: 21 }),
 * });
 * ```
 *
 * Throws `INVALID_ARGUMENT` for an unknown option, `INVALID_TOOL` for a wrong name, description or handler,
 * `INVALID_SCHEMA` for a schema that cannot be used, with the path inside it.
 */
export function tool<
  const S extends Schema = typeof noParameters,
  Result = unknown,
  const Name extends string = string,
>(options: ToolOptions<S, Result, Name> & WithHandler<S, Result>): RunnableTool<InferSchema<S>, Result, Name>;
export function tool<
  const S extends Schema = typeof noParameters,
  Result = unknown,
  const Name extends string = string,
>(options: ToolOptions<S, Result, Name>): Tool<InferSchema<S>, Result, Name>;
export function tool<const S extends Schema, Result, const Name extends string>(
  options: ToolOptions<S, Result, Name>,
): Tool<InferSchema<S>, Result, Name> {
  return atOnce(makeTool(options, "tool", undefined));
}

/** `subject` is what the options are called in messages: `tool`, or their place in `tools`. */
function* makeTool<const S extends Schema, Result, Name extends string>(
  options: ToolOptions<S, Result, Name>,
  subject: string,
  budget: WorkBudget | undefined,
): CooperativeWork<Tool<InferSchema<S>, Result, Name>> {
  const at = (name: string) => (subject === "tool" ? name : `${subject}.${name}`);
  const param = subject === "tool" ? "options" : subject;
  if (!isReadableObject(options, param))
    throw invalidTool("an object with name and parameters", "the tool", describe(options), param);
  const {
    name,
    description,
    parameters = noParameters,
    execute,
    timeoutMs,
  } = checkOptions(options, subject, toolOptionNames) as unknown as ToolOptions<Schema, Result>;
  checkName(name, at("name"));
  if (description !== undefined && typeof description !== "string")
    throw invalidTool("a string", `${name}.description`, describe(description), at("description"));
  if (execute !== undefined && typeof execute !== "function")
    throw invalidTool("a function", `${name}.execute`, describe(execute), at("execute"));
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs > 0)) {
    throw invalidArgument("a positive number of milliseconds", `${name}.timeoutMs`, timeoutMs, {
      param: at("timeoutMs"),
    });
  }
  budget?.spend(valuesOfTool);
  const schema = yield* readSchemaInSlices(parameters, `${name}.parameters`, budget, at("parameters"));
  const { type } = schema.jsonSchema;
  if (type !== undefined && type !== "object")
    throw aboutOption(
      invalidSchema('"object"', `${name}.parameters.type`, JSON.stringify(type)),
      `${name}.parameters`,
      at("parameters"),
    );
  const result = Object.freeze(
    Object.defineProperty({ name, description, parameters: schema.jsonSchema, execute, timeoutMs }, "schema", {
      value: schema,
    }),
  );
  made.add(result);
  return result as unknown as Tool<InferSchema<S>, Result, Name>;
}

/**
 * Checks the tools of one request and puts them in a Map by name, so that `__proto__` and `constructor` are only names.
 * Takes what `tool()` made, objects of the same form, and OpenAI's definitions, which are read within the budget.
 * Throws `INVALID_TOOL` when two share a name.
 */
export function collectTools(tools: unknown, budget?: WorkBudget): Map<string, Tool> {
  return atOnce(collectToolsInSlices(tools, budget));
}

/** The same in time slices, each tool's in one or more. */
export function* collectToolsInSlices(tools: unknown, budget?: WorkBudget): CooperativeWork<Map<string, Tool>> {
  const collected = new Map<string, Tool>();
  if (tools === undefined) return collected;
  // A hole ends the copy: an array may have four billion of them.
  const copied = (given: unknown, index: number) => {
    if (given === undefined) throw invalidTool("a tool", `tools[${index}]`, describe(given));
    return given;
  };
  const list = reading(
    "tools",
    () => (Array.isArray(tools) ? Array.from(tools as unknown[], copied) : undefined),
    "INVALID_TOOL",
  );
  if (list === undefined) throw invalidArgument("an array of tools", "tools", tools);
  for (const [index, given] of list.entries()) {
    const where = `tools[${index}]`;
    const one = yield* readTool(given, where, budget);
    if (collected.has(one.name))
      throw invalidTool("a name of its own", where, `${describe(one.name)} a second time`, `${where}.name`);
    collected.set(one.name, one);
  }
  return collected;
}

/** Proxies may throw at any look at them. */
const isReadableObject = (value: unknown, place: string): value is Record<string, unknown> =>
  reading(place, () => isObject(value), "INVALID_TOOL");

function* readTool(given: unknown, where: string, budget: WorkBudget | undefined): CooperativeWork<Tool> {
  if (!isReadableObject(given, where)) throw invalidTool("a tool", where, describe(given));
  if (made.has(given)) return given as unknown as Tool;
  const isOpenAi = () => given["type"] === "function" && given["function"] !== undefined;
  if (!reading(where, isOpenAi, "INVALID_TOOL")) return yield* makeTool(given as unknown as ToolOptions, where, budget);
  const { function: definition } = checkOptions(given, where, ["type", "function"]);
  if (!isReadableObject(definition, `${where}.function`))
    throw invalidTool("an object with name and parameters", `${where}.function`, describe(definition));
  const { name, description, parameters } = checkOptions(definition, `${where}.function`, [
    "name",
    "description",
    "parameters",
    "strict",
  ]) as unknown as FunctionTool["function"];
  return yield* makeTool<Schema, unknown, string>(
    { name, description: description ?? undefined, parameters: parameters ?? undefined },
    where,
    budget,
  );
}

function checkName(name: unknown, param: string): asserts name is string {
  if (typeof name === "string" && /^[a-zA-Z0-9_.-]{1,64}$/.test(name)) return;
  throw invalidTool("1 to 64 letters, digits, dots, _ or -", "the name of a tool", describe(name), param);
}

function invalidTool(
  expected: string,
  where: string,
  received: string,
  param: string | undefined = where,
): CaduceusError {
  return mismatch("INVALID_TOOL", { expected, place: where, received }, { param });
}
