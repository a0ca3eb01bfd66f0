// A constraint in GBNF, and what a lazy grammar begins with.
import { CaduceusError } from "../../../errors.js";
import type { Constraint, EnforcedSchema, ThoughtRequest, ToolConstraint } from "../../engine.js";
import { GbnfRules, literal } from "./gbnf_rules.js";
import { patternGbnf } from "./pattern_gbnf.js";
import { SchemaGbnf } from "./schema_gbnf.js";
import { thoughtGbnf } from "./thought_gbnf.js";

/** The grammar of a whole output; or free text, until a call begins. */
export type GbnfConstraint =
  | { readonly kind: "whole"; readonly grammar: string }
  | ({ readonly kind: "lazy"; readonly trigger: string; readonly begin: string; readonly end: string } & LazyGrammar);

export interface LazyGrammar {
  /** From the trigger to the end of the last call. */
  readonly grammar: string;
  /** What stands between `begin` and `end`. */
  readonly call: string;
  readonly several: boolean;
}

/** How calls are written whose text is one JSON object, or has one as its arguments. */
interface Markup {
  readonly begin: string;
  readonly between: string;
  readonly end: string;
}

const hermes: Markup = { begin: "<tool_call>\n", between: "\n", end: "\n</tool_call>" };

/** Undefined: the format of the calls has no form in GBNF, so that they are only checked. */
export function constraintGbnf(
  constraint: Constraint,
  thought?: ThoughtRequest | undefined,
): GbnfConstraint | undefined {
  const rules = new GbnfRules();
  const before = thought === undefined ? "" : `${thoughtGbnf(thought, rules)} `;
  const whole = (root: string): GbnfConstraint => {
    rules.set("root", before + root);
    return { kind: "whole", grammar: String(rules) };
  };
  switch (constraint.kind) {
    case "json":
      return whole(writeSchema(rules, constraint.schema));
    case "regex": {
      const pattern = patternGbnf(constraint.pattern, false);
      if (pattern !== undefined) return whole(`(${pattern})`);
      throw new CaduceusError("CONSTRAINT_INVALID", "The regular expression has no form that the server can enforce.");
    }
    case "lark":
      if (constraint.gbnf === undefined)
        throw new CaduceusError("CONSTRAINT_INVALID", "The server enforces no grammar in Lark.", {
          remedy: "Give it in GBNF.",
        });
      if (thought === undefined) return { kind: "whole", grammar: constraint.gbnf };
      throw new CaduceusError("CONSTRAINT_INVALID", "The server enforces no grammar behind a thought.");
    case "tools":
      return constraint.format === undefined ? toolsGbnf(constraint, hermes, rules, whole) : undefined;
  }
}

function toolsGbnf(
  constraint: ToolConstraint,
  { begin, between, end }: Markup,
  rules: GbnfRules,
  whole: (root: string) => GbnfConstraint,
): GbnfConstraint {
  const { mode, parallel, schema, continues = false } = constraint;
  const call = callRule(constraint, rules);
  const one = `${literal(begin)} ${call} ${literal(end)}`;
  const more = `(${literal(between + begin)} ${call} ${literal(end)})*`;
  // Models write a line break before they end, too.
  const calls = continues ? `${more} "\\n"?` : parallel ? `${one} ${more} "\\n"?` : `${one} "\\n"?`;
  if (mode === "required" || schema !== undefined || continues)
    return whole(mode === "auto" && schema !== undefined ? `(${calls} | ${writeSchema(rules, schema)})` : `(${calls})`);
  const own = String(rules);
  return {
    kind: "lazy",
    trigger: begin.trim(),
    begin,
    end,
    grammar: `root ::= ${calls}\n${own}`,
    call: `root ::= ${call}\n${own}`,
    several: parallel,
  };
}

/** A call of any of the tools. */
function callRule({ tools, order }: ToolConstraint, rules: GbnfRules): string {
  const calls = tools.map(({ name, parameters }) => {
    const args = writeSchema(rules, parameters, true);
    const written = JSON.stringify(name);
    const nameFirst = `${literal(`{"name": ${written}, "arguments": `)} ${args} "}"`;
    const argumentsFirst = `${literal('{"arguments": ')} ${args} ${literal(`, "name": ${written}}`)}`;
    if (order === "either") return `${nameFirst} | ${argumentsFirst}`;
    return order === "name-first" ? nameFirst : argumentsFirst;
  });
  return rules.add(calls.join(" | "));
}

const writeSchema = (rules: GbnfRules, schema: EnforcedSchema, isObjects = false) =>
  new SchemaGbnf(rules, schema).write(schema, isObjects);
