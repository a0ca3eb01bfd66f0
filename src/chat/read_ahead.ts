// Reads the tools and schema of a request before it is made, in stretches, for servers: clients may send schemas of any
// size, and a reply reads its options at once.
import { readSchemaInStretches } from "../schema/read_schema.js";
import { inTurns, type Stretches } from "../schema/stretches.js";
import { requestBudget } from "../schema/work_budget.js";
import { enforcedToolInStretches } from "./tools/round_constraint.js";
import { collectToolsInStretches } from "./tools/tool.js";
import { readUndeclared, type ToolLoopOptions } from "./tools/tool_options.js";

type ReadOptions = Pick<ToolLoopOptions, "tools" | "toolChoice" | "schema" | "undeclaredProperties">;

/**
 * Reads the tools and schema of the options, waiting for `turn` between stretches. A reply with the result begins at
 * once.
 */
export async function readAhead<O extends ReadOptions>(options: O, turn: () => Promise<void>): Promise<O> {
  return inTurns(readOptionsInStretches(options), turn);
}

function* readOptionsInStretches<O extends ReadOptions>(options: O): Stretches<O> {
  const budget = requestBudget();
  const undeclared = readUndeclared(options.undeclaredProperties);
  const tools = options.tools && [...(yield* collectToolsInStretches(options.tools, budget)).values()];
  const schema = options.schema && (yield* readSchemaInStretches(options.schema, "schema", budget));
  // What can be enforced is kept with what was read.
  for (const [index, one] of options.toolChoice === "none" ? [] : (tools ?? []).entries()) {
    yield* enforcedToolInStretches(one.schema, undeclared, one.name, index);
    yield;
  }
  if (schema !== undefined) yield* schema.enforcedInStretches(undeclared);
  return { ...options, ...(tools === undefined ? {} : { tools }), ...(schema === undefined ? {} : { schema }) };
}
