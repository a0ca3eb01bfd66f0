// A constraint in GBNF, and what a lazy grammar begins with.
import { CaduceusError } from "../../../errors.js";
import type { Constraint, EnforcedSchema, ToolConstraint } from "../../engine.js";
import { GbnfRules, literal } from "./gbnf_rules.js";
import { patternGbnf } from "./pattern_gbnf.js";
import { SchemaGbnf } from "./schema_gbnf.js";

export interface GbnfConstraint {
  readonly grammar: string;
  /** Free text comes first, until this does, with which the grammar begins. */
  readonly trigger?: string | undefined;
}

const tag = "<tool_call>";
const begin = `${tag}\n`;
const end = "\n</tool_call>";

/** @throws CaduceusError CONSTRAINT_INVALID for what has no form in GBNF */
export function constraintGbnf(constraint: Constraint): GbnfConstraint {
  const rules = new GbnfRules();
  switch (constraint.kind) {
    case "json":
      rules.set("root", new SchemaGbnf(rules, constraint.schema).write(constraint.schema));
      return { grammar: String(rules) };
    case "regex": {
      const pattern = patternGbnf(constraint.pattern, false);
      if (pattern === undefined)
        throw new CaduceusError(
          "CONSTRAINT_INVALID",
          "The regular expression has no form that the server can enforce.",
        );
      return { grammar: `root ::= ${pattern}\n` };
    }
    case "lark":
      if (constraint.gbnf !== undefined) return { grammar: constraint.gbnf };
      throw new CaduceusError("CONSTRAINT_INVALID", "The server enforces no grammar in Lark.", {
        remedy: "Give it in GBNF.",
      });
    case "tools":
      return toolsGbnf(constraint, rules);
  }
}

function toolsGbnf(constraint: ToolConstraint, rules: GbnfRules): GbnfConstraint {
  const { mode, parallel, schema, continues = false } = constraint;
  const call = callRule(constraint, rules);
  const one = `${literal(begin)} ${call} ${literal(end)}`;
  const more = `(${literal(`\n${begin}`)} ${call} ${literal(end)})*`;
  // Models write a line break before they end, too.
  const calls = continues ? `${more} "\\n"?` : parallel ? `${one} ${more} "\\n"?` : `${one} "\\n"?`;
  const isLazy = mode === "auto" && schema === undefined && !continues;
  const answer = mode === "auto" && schema !== undefined ? ` | ${writeSchema(rules, schema)}` : "";
  rules.set("root", `${calls}${answer}`);
  return { grammar: String(rules), ...(isLazy ? { trigger: tag } : {}) };
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
