// From a constraint as messages to the text that llguidance compiles: Lark with JSON schemas in it, exact to the space.
import { CaduceusError } from "../../errors.js";
import type { Constraint, ToolConstraint } from "../engine.js";
import { formatGrammar } from "./format_grammar.js";
import { literal, type NativeConstraint, Rules, schemaText, spaced } from "./grammar_rules.js";

const tag = "<tool_call>";
const begin = `${tag}\n`;
const end = "\n</tool_call>";

/** @throws CaduceusError CONSTRAINT_INVALID for what no JSON text can say */
export function toNativeConstraint(constraint: Constraint): NativeConstraint {
  switch (constraint.kind) {
    case "json":
      return { kind: "json", text: schemaText(constraint.schema, "json") };
    case "regex":
      return { kind: "regex", text: constraint.pattern };
    case "lark":
      return { kind: "lark", text: constraint.grammar };
    case "tools":
      if (constraint.tools.length === 0)
        throw new CaduceusError(
          "CONSTRAINT_INVALID",
          "The constraint to tool calls has no tools. Expected at least one.",
        );
      return constraint.format === undefined ? toolsGrammar(constraint) : formatGrammar(constraint, constraint.format);
  }
}

function toolsGrammar(constraint: ToolConstraint): NativeConstraint {
  const { mode, parallel, bareFurtherCalls, schema, continues = false } = constraint;
  const rules = new Rules();
  if (mode === "auto" && schema === undefined) {
    rules.add("start", `call ${literal(end)}`);
    addCalls(rules, constraint);
    return {
      kind: "calls",
      text: String(rules),
      trigger: { tag, further: parallel, bare: parallel && bareFurtherCalls, openings: [], startOpenings: [] },
    };
  }
  const more = bareFurtherCalls
    ? `("\\n" ${literal(begin)}? call ${literal(end)})*`
    : `(${literal(`\n${begin}`)} call ${literal(end)})*`;
  if (continues) {
    // Models write a line break before they end, too.
    rules.add("start", `${more} "\\n"?`);
    addCalls(rules, constraint);
    return { kind: "calls", text: String(rules) };
  }
  const calls = `${literal(begin)} call ${literal(end)}${parallel ? ` ${more}` : ""}`;
  rules.add(
    "start",
    mode === "required" || schema === undefined ? calls : `calls | ${rules.json(schemaText(schema, "json"))}`,
  );
  if (mode !== "required" && schema !== undefined) rules.add("calls", calls);
  addCalls(rules, constraint);
  return { kind: "calls", text: String(rules) };
}

/** The rule `call`: the JSON of a call of any of the tools. */
function addCalls(rules: Rules, { tools, order }: ToolConstraint): void {
  const calls = tools.map(({ name, parameters }, index) => {
    const written = spaced(name);
    const args = rules.json(schemaText(parameters, "arguments"));
    const nameFirst = `${literal(`{"name": ${written}, "arguments": `)} ${args} "}"`;
    const argumentsFirst = `${literal('{"arguments": ')} ${args} ${literal(`, "name": ${written}}`)}`;
    const body =
      order === "name-first"
        ? nameFirst
        : order === "arguments-first"
          ? argumentsFirst
          : `${nameFirst} | ${argumentsFirst}`;
    return rules.add(`call_${index}`, body);
  });
  rules.add("call", calls.join(" | "));
}
