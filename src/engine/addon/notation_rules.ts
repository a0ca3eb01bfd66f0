// The grammar of arguments in a notation that is not JSON: names without quotes, and Python's values or strings between
// markers.
import { isObject } from "../../json_object.js";
import type { NotationForm } from "../call_format.js";
import type { EnforcedSchema } from "../engine.js";
import { isEnforcedCount, numberKeywords, onlySchema, parameterTypes, referenced } from "../parameter_kind.js";
import { escaped, lengthsOf, literal, type Rules, schemaText } from "./grammar_rules.js";

type Schema = Readonly<Record<string, unknown>>;

const freeName = "/[A-Za-z_][A-Za-z0-9_.-]{0,63}/";

export class NotationRules {
  readonly #rules: Rules;
  readonly #form: NotationForm;
  readonly #prefix: string;
  #root: Schema = {};
  #count = 0;
  #anyValue: string | undefined;
  readonly #references = new Map<string, string>();

  /** `prefix`: what the names of these rules begin with. */
  constructor(rules: Rules, form: NotationForm, prefix: string) {
    this.#rules = rules;
    this.#form = form;
    this.#prefix = prefix;
  }

  /** What stands between the braces around all arguments; may be empty. */
  arguments(parameters: EnforcedSchema): string {
    this.#root = isObject(parameters) ? parameters : {};
    return this.#members(this.#root, this.#form.assign);
  }

  #add(body: string): string {
    return this.#rules.add(`${this.#prefix}_${this.#count++}`, body);
  }

  #terminal(expression: string): string {
    return this.#rules.add(`${this.#prefix}_${this.#count++}`.toUpperCase(), expression);
  }

  /** Declared members in their order, and others where the schema leaves it open. */
  #members(schema: Schema, assign: string): string {
    const properties = isObject(schema["properties"]) ? schema["properties"] : {};
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const names = Object.keys(properties);
    const comma = literal(this.#form.comma);
    const open = this.#openMember(schema, names, assign);
    let more = open === "" ? "" : `(${comma} ${open})*`;
    let first = open === "" ? "" : `(${open} ${more})?`;
    for (const name of names.reverse()) {
      const member = `${literal(name + assign)} ${this.#value(properties[name])}`;
      const isRequired = required.includes(name);
      const [begun, following] = [`${member} ${more}`, `${comma} ${member} ${more}`];
      first = isRequired ? this.#add(begun) : this.#add(first === "" ? `(${begun})?` : `${begun} | ${first}`);
      more = isRequired ? this.#add(following) : this.#add(more === "" ? `(${following})?` : `${following} | ${more}`);
    }
    return first;
  }

  #openMember({ additionalProperties }: Schema, names: readonly string[], assign: string): string {
    if (additionalProperties === false) return "";
    const taken = names.length === 0 ? "" : ` & ~/${names.map(escaped).join("|")}/`;
    return `${this.#terminal(freeName + taken)} ${literal(assign)} ${this.#value(additionalProperties ?? true)}`;
  }

  #value(schema: unknown): string {
    return this.#form.quote === undefined ? this.#pythonValue(schema) : this.#quotedValue(schema, this.#form.quote);
  }

  /** JSON, but for Python's words. */
  #pythonValue(schema: unknown): string {
    const whole = isObject(schema) ? { ...schema, ...this.#definitions } : {};
    const types = parameterTypes(schema, this.#root);
    const isPlain = isObject(schema) && Object.keys(schema).every((key) => key === "type");
    const words = [
      ...(isPlain && types.has("boolean") ? ["True", "False"] : []),
      ...(isPlain && types.has("null") ? ["None"] : []),
    ].map(literal);
    const others = [...types].filter((type) => type !== "boolean" && type !== "null");
    const json = words.length > 0 && others.length === 0 ? [] : [this.#rules.json(schemaText(whole, "json"))];
    return `(${[...words, ...json].join(" | ")})`;
  }

  get #definitions(): object {
    const { $defs } = this.#root;
    return $defs === undefined ? {} : { $defs };
  }

  #quotedValue(whole: unknown, quote: string): string {
    const schema = onlySchema(whole);
    if (schema !== whole) return this.#quotedValue(schema, quote);
    if (!isObject(schema)) return this.#any(quote);
    const { enum: values, anyOf, oneOf, $ref } = schema;
    if ("const" in schema) return literal(this.#written(schema["const"], quote));
    if (Array.isArray(values)) return choice(values.map((value) => literal(this.#written(value, quote))));
    if (typeof $ref === "string") return this.#reference($ref, quote);
    for (const one of [anyOf, oneOf])
      if (Array.isArray(one)) return choice(one.map((inner) => this.#quotedValue(inner, quote)));
    const types = parameterTypes(schema, this.#root);
    if (types.has("number")) types.delete("integer");
    if (types.size > 3 && Object.keys(schema).length === 0) return this.#any(quote);
    return choice([...types].map((type) => this.#ofType(type, schema, quote)));
  }

  #ofType(type: string, schema: Schema, quote: string): string {
    switch (type) {
      case "string":
        return this.#string(lengthsOf(schema), quote);
      case "boolean":
        return '"true" | "false"';
      case "null":
        // JSON's, and what templates make of it.
        return '"null" | "None"';
      case "array":
        return this.#list(schema, quote);
      case "object":
        return `"{" ${this.#members(schema, ":")} "}"`;
      default: {
        const limits = Object.entries(schema).filter(([key]) => numberKeywords.includes(key));
        return this.#rules.json(schemaText({ type, ...Object.fromEntries(limits) }, "json"));
      }
    }
  }

  #string(lengths: string, quote: string): string {
    const text = `${this.#prefix}_${this.#count++}`;
    this.#rules.add(`${text}[lazy]`, `/(?s:.)${lengths}${escaped(quote)}/`);
    return `${literal(quote)} ${text}`;
  }

  #list({ items, minItems, maxItems }: Schema, quote: string): string {
    const item = this.#add(this.#quotedValue(items ?? true, quote));
    const comma = literal(this.#form.comma);
    const least = isEnforcedCount(minItems) ? minItems : 0;
    const most = isEnforcedCount(maxItems) ? maxItems : undefined;
    let rest = most === undefined ? `(${comma} ${item})*` : "";
    for (let count = most ?? Math.max(least, 1); count > 1; count--)
      rest = count > least ? `(${comma} ${item} ${rest})?` : `${comma} ${item} ${rest}`;
    const all = most === 0 ? "" : least === 0 ? `(${item} ${rest})?` : `${item} ${rest}`;
    return `"[" ${all} "]"`;
  }

  #reference(reference: string, quote: string): string {
    const known = this.#references.get(reference);
    if (known !== undefined) return known;
    const name = `${this.#prefix}_${this.#count++}`;
    this.#references.set(reference, name);
    return this.#rules.add(name, this.#quotedValue(referenced(reference, this.#root) ?? true, quote));
  }

  /** A value that no schema describes. */
  #any(quote: string): string {
    if (this.#anyValue !== undefined) return this.#anyValue;
    const any = (this.#anyValue = `${this.#prefix}_any`);
    const comma = literal(this.#form.comma);
    const member = `${this.#terminal(freeName)} ":" ${any}`;
    const number = this.#rules.json(schemaText({ type: "number" }, "json"));
    const list = `"[" (${any} (${comma} ${any})*)? "]"`;
    const object = `"{" (${member} (${comma} ${member})*)? "}"`;
    const words = '"true" | "false" | "null" | "None"';
    return this.#rules.add(any, `${this.#string("*", quote)} | ${number} | ${words} | ${list} | ${object}`);
  }

  #written(value: unknown, quote: string): string {
    if (typeof value === "string") return quote + value + quote;
    if (Array.isArray(value)) return `[${value.map((inner) => this.#written(inner, quote)).join(this.#form.comma)}]`;
    if (!isObject(value)) return JSON.stringify(value);
    const members = Object.entries(value).map(([key, inner]) => `${key}:${this.#written(inner, quote)}`);
    return `{${members.join(this.#form.comma)}}`;
  }
}

const choice = (values: readonly string[]) => `(${values.join(" | ")})`;
