// Reads the tools and schema of a request before it is made, in time slices, for servers: clients may send schemas of
// any size, and a reply reads its options at once.
import { readSchemaInSlices } from "../schema/read_schema.js";
import { inTurns, type CooperativeWork } from "../schema/cooperative_work.js";
import { requestBudget } from "../schema/work_budget.js";
import { enforcedToolInSlices } from "./tools/round_constraint.js";
import { collectToolsInSlices } from "./tools/tool.js";
import { readUndeclared, type ToolLoopOptions } from "./tools/tool_options.js";

type ReadOptions = Pick<ToolLoopOptions, "tools" | "toolChoice" | "schema" | "undeclaredProperties">;

/**
 * Reads the tools and schema of the options, waiting for `turn` between slices. A reply with the result begins at
 * once.
 */
export async function readAhead<O extends ReadOptions>(options: O, turn: () => Promise<void>): Promise<O> {
  return inTurns(readOptionsInSlices(options), turn);
}

function* readOptionsInSlices<O extends ReadOptions>(options: O): CooperativeWork<O> {
  const budget = requestBudget();
  const undeclared = readUndeclared(options.undeclaredProperties);
  const tools = options.tools && [...(yield* collectToolsInSlices(options.tools, budget)).values()];
  const schema = options.schema && (yield* readSchemaInSlices(options.schema, "schema", budget));
  // What can be enforced is kept with what was read.
  for (const [index, one] of options.toolChoice === "none" ? [] : (tools ?? []).entries()) {
    yield* enforcedToolInSlices(one.schema, undeclared, one.name, index);
    yield;
  }
  if (schema !== undefined) yield* schema.enforcedInSlices(undeclared);
  return { ...options, ...(tools === undefined ? {} : { tools }), ...(schema === undefined ? {} : { schema }) };
}
