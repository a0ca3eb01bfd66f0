// The constraint of each turn of a reply, and the schema keywords that it does not enforce.
import type { Constraint } from "../../engine/engine.js";
import {
  ofOption,
  type EnforcedReading,
  type ReadSchema,
  type UndeclaredProperties,
  type UnenforcedKeyword,
} from "../../schema/read_schema.js";
import { atOnce, type Stretches } from "../../schema/stretches.js";
import { acceptsUntagged, type ToolSettings } from "./tool_options.js";

/** A keyword of a tool's or the answer's schema that is checked only after the model has written. */
export interface Unenforced extends UnenforcedKeyword {
  /** Whose arguments it is about; missing for the final answer. */
  readonly tool?: string;
}

/**
 * The constraint of a turn; undefined where the model writes freely. `isForced`: the turn is the one that `toolChoice`
 * is about. Later ones are free to answer, or no reply with a required call would ever end.
 */
export function roundConstraint(settings: ToolSettings, isHermes: boolean, isForced: boolean): Constraint | undefined {
  const { tools, schema, toolChoice, isConstrained, parallelToolCalls, callOrder, undeclaredProperties } = settings;
  if (!isConstrained) return undefined;
  if (tools.size === 0) return schema && { kind: "json", schema: schema.enforced(undeclaredProperties).schema };
  const forced = isForced ? toolChoice : "auto";
  const isNamed = typeof forced === "object";
  const named = [...tools.values()]
    .map((tool, index) => ({ tool, index }))
    .filter(({ tool: { name } }) => !isNamed || name === forced.name);
  // A named tool is called once.
  const parallel = parallelToolCalls && !isNamed;
  return {
    kind: "tools",
    tools: named.map(({ tool: { name, schema: parameters }, index }) => ({
      name,
      parameters: enforcedTool(parameters, undeclaredProperties, name, index).schema,
    })),
    mode: forced === "auto" ? "auto" : "required",
    parallel,
    order: callOrder,
    bareFurtherCalls: parallel && acceptsUntagged(settings, isHermes),
    ...(schema === undefined ? {} : { schema: schema.enforced(undeclaredProperties).schema }),
  };
}

/** Whether a turn is calls or JSON from its first token on. */
export function isWhole(constraint: Constraint | undefined): boolean {
  return (
    constraint?.kind === "json" ||
    (constraint?.kind === "tools" && (constraint.mode === "required" || constraint.schema !== undefined))
  );
}

/** Whether a turn is free text, in which at most calls are constrained. */
export const isFree = (constraint: Constraint | undefined): boolean =>
  constraint === undefined || (constraint.kind === "tools" && !isWhole(constraint));

/** What is known before the first token. */
export function unenforcedOf({ tools, schema, isConstrained, undeclaredProperties }: ToolSettings): Unenforced[] {
  const left = (list: readonly UnenforcedKeyword[], whole: string) =>
    isConstrained ? list : [{ path: whole, keyword: "*", reason: "the reply is not constrained" }];
  return [
    ...[...tools.values()].flatMap(({ name, schema: parameters }, index) =>
      left(enforcedTool(parameters, undeclaredProperties, name, index).unenforced, `${name}.parameters`).map((one) => ({
        tool: name,
        ...one,
      })),
    ),
    ...(schema === undefined ? [] : left(schema.enforced(undeclaredProperties).unenforced, "schema")),
  ];
}

/** What `tool()` read knows only its own name; here the tool has its place in the request. */
export function enforcedTool(
  parameters: ReadSchema,
  undeclared: UndeclaredProperties,
  name: string,
  index: number,
): EnforcedReading {
  return atOnce(enforcedToolInStretches(parameters, undeclared, name, index));
}

export function enforcedToolInStretches(
  parameters: ReadSchema,
  undeclared: UndeclaredProperties,
  name: string,
  index: number,
): Stretches<EnforcedReading> {
  return ofOption(`${name}.parameters`, `tools[${index}].parameters`, parameters.enforcedInStretches(undeclared));
}
