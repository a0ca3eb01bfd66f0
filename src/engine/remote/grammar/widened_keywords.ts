// What of a schema a grammar in GBNF does not say. All of it is checked when the answer is there.
import { CaduceusError } from "../../../errors.js";
import type { EnforcedSchema, WidenedKeyword } from "../../engine.js";
import { GbnfRules } from "./gbnf_rules.js";
import { SchemaGbnf } from "./schema_gbnf.js";

/** Schemas are not changed once they are given. */
const known = { values: new WeakMap<object, WidenedKeyword[]>(), arguments: new WeakMap<object, WidenedKeyword[]>() };

/** `asArguments`: only objects are meant. */
export function widenedKeywords(schema: EnforcedSchema, asArguments: boolean): readonly WidenedKeyword[] {
  if (typeof schema !== "object") return [];
  const already = known[asArguments ? "arguments" : "values"];
  const before = already.get(schema);
  if (before !== undefined) return before;
  const found = new Map<string, WidenedKeyword>();
  try {
    const grammar = new SchemaGbnf(new GbnfRules(), schema, (path, keyword, reason) =>
      found.set(JSON.stringify([path, keyword]), { path, keyword, reason }),
    );
    grammar.write(schema, asArguments);
  } catch (error) {
    // The request says so.
    if (!(error instanceof CaduceusError)) throw error;
  }
  const widened = [...found.values()];
  already.set(schema, widened);
  return widened;
}
