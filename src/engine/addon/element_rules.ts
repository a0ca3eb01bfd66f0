// The grammar of arguments that are written as elements, whose tags are the names of arguments and properties.
import { isObject } from "../../json_object.js";
import type { ElementForm } from "../call_format.js";
import type { EnforcedSchema } from "../engine.js";
import { isEnforcedCount, numberKeywords, onlySchema, parameterTypes, referenced } from "../parameter_kind.js";
import { escaped, lengthsOf, literal, type Rules, schemaText } from "./grammar_rules.js";

type Schema = Readonly<Record<string, unknown>>;

export class ElementRules {
  readonly #rules: Rules;
  readonly #form: ElementForm;
  readonly #prefix: string;
  #root: Schema = {};
  #count = 0;
  readonly #references = new Map<string, string>();

  /** `prefix`: what the names of these rules begin with. */
  constructor(rules: Rules, form: ElementForm, prefix: string) {
    this.#rules = rules;
    this.#form = form;
    this.#prefix = prefix;
  }

  /** What stands inside the call; may be empty. */
  arguments(parameters: EnforcedSchema): string {
    this.#root = isObject(parameters) ? parameters : {};
    return this.#members(this.#root);
  }

  get #nextName(): string {
    return `${this.#prefix}_${this.#count++}`;
  }

  #open = (tag: string) => `${this.#form.prefix}<${tag}>`;
  #close = (tag: string) => `${this.#form.prefix}</${tag}>`;

  /** Declared ones in their order, and others where the schema leaves it open, of which no more than the type is known. */
  #members(schema: Schema): string {
    const properties = isObject(schema["properties"]) ? schema["properties"] : {};
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const names = Object.keys(properties);
    const declared = names.map((name) => {
      const member = this.#element(name, properties[name]);
      return required.includes(name) ? member : `(${member})?`;
    });
    if (schema["additionalProperties"] === false) return declared.join(" ");
    const taken = names.length === 0 ? "" : ` & ~/${names.map(escaped).join("|")}/`;
    const name = this.#rules.add(this.#nextName.toUpperCase(), `/[A-Za-z_][A-Za-z0-9_.-]{0,63}/${taken}`);
    const before = literal(`${this.#form.prefix}<`);
    const end = `${this.#form.prefix}</`;
    const types = this.#typesOf(schema["additionalProperties"]);
    const value = types.has("string")
      ? this.#lazy(`(?s:.)*${escaped(end)}`)
      : `${choice([...types].map((type) => this.#ofType(type, {})))} ${literal(end)}`;
    return [...declared, `(${before} ${name} ">" ${value} ${name} ">")*`].join(" ");
  }

  #lazy(expression: string): string {
    const name = this.#nextName;
    this.#rules.add(`${name}[lazy]`, `/${expression}/`);
    return name;
  }

  #element(tag: string, schema: unknown): string {
    return `${literal(this.#open(tag))} ${this.#value(schema, tag)}`;
  }

  /** With the closing tag: nothing but that ends a text. */
  #value(whole: unknown, tag: string): string {
    const schema = onlySchema(whole);
    if (schema !== whole) return this.#value(schema, tag);
    if (!isObject(schema)) return this.#text("*", tag);
    const { enum: values, anyOf, oneOf, $ref } = schema;
    if ("const" in schema) return literal(this.#written(schema["const"], tag));
    if (Array.isArray(values)) return choice(values.map((value) => literal(this.#written(value, tag))));
    if (typeof $ref === "string") return this.#reference($ref, tag);
    for (const one of [anyOf, oneOf])
      if (Array.isArray(one)) return choice(one.map((inner) => this.#value(inner, tag)));
    const types = this.#typesOf(schema);
    // Any value may be a text too, if one may be.
    if (types.has("string")) return this.#text(types.size === 1 ? lengthsOf(schema) : "*", tag);
    return `${choice([...types].map((type) => this.#ofType(type, schema)))} ${literal(this.#close(tag))}`;
  }

  #typesOf(schema: unknown): Set<string> {
    const types = parameterTypes(schema, this.#root);
    if (types.has("number")) types.delete("integer");
    return types;
  }

  #text(lengths: string, tag: string): string {
    return this.#lazy(`(?s:.)${lengths}${escaped(this.#close(tag))}`);
  }

  #ofType(type: string, schema: Schema): string {
    switch (type) {
      case "boolean":
        return '"true" | "false"';
      case "null":
        // As templates write it.
        return '""';
      case "array":
        return this.#list(schema);
      case "object":
        return this.#members(schema) || '""';
      default: {
        const limits = Object.entries(schema).filter(([key]) => numberKeywords.includes(key));
        return this.#rules.json(schemaText({ type, ...Object.fromEntries(limits) }, "json"));
      }
    }
  }

  #list({ items, minItems, maxItems }: Schema): string {
    const item = this.#rules.add(this.#nextName, this.#element(this.#form.item, items ?? true));
    const least = isEnforcedCount(minItems) ? minItems : 0;
    if (!isEnforcedCount(maxItems)) return `${`${item} `.repeat(least)}${item}*`;
    let rest = "";
    for (let count = maxItems; count > 0; count--) rest = count > least ? `(${item} ${rest})?` : `${item} ${rest}`;
    return rest === "" ? '""' : rest;
  }

  #reference(reference: string, tag: string): string {
    const key = `${tag} ${reference}`;
    const known = this.#references.get(key);
    if (known !== undefined) return known;
    const name = this.#nextName;
    this.#references.set(key, name);
    return this.#rules.add(name, this.#value(referenced(reference, this.#root) ?? true, tag));
  }

  /** A value and the tag that ends it. */
  #written(value: unknown, tag: string): string {
    return this.#content(value) + this.#close(tag);
  }

  #content(value: unknown): string {
    if (typeof value === "string") return value;
    if (value === null) return "";
    const { item } = this.#form;
    if (Array.isArray(value)) return value.map((one) => this.#open(item) + this.#written(one, item)).join("");
    if (!isObject(value)) return JSON.stringify(value);
    const members = Object.entries(value).filter(([, inner]) => inner !== null);
    return members.map(([name, inner]) => this.#open(name) + this.#written(inner, name)).join("");
  }
}

const choice = (values: readonly string[]) => `(${values.join(" | ")})`;
