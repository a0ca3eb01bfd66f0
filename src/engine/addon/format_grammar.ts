// The grammar of calls in formats other than Hermes': as the model's template writes them, with the names of the tools
// and the schemas of their arguments.
import {
  bareType,
  headOf,
  isElements,
  isNotation,
  openingsOf,
  type CallFormat,
  type CallPiece,
  type ParameterForm,
} from "../call_format.js";
import type { EnforcedSchema, ToolConstraint } from "../engine.js";
import { parameterKind, parameterSchema, parameterTypes } from "../parameter_kind.js";
import { isObject } from "../../json_object.js";
import { ElementRules } from "./element_rules.js";
import { NotationRules } from "./notation_rules.js";
import { escaped, lengthsOf, literal, type NativeConstraint, Rules, schemaText } from "./grammar_rules.js";

export function formatGrammar(constraint: ToolConstraint, format: CallFormat): NativeConstraint {
  const { mode, parallel, schema, tools, continues = false } = constraint;
  const rules = new Rules();
  const isLazy = mode === "auto" && schema === undefined;
  const several = parallel && format.several;
  // Without a beginning of all calls, each begins in free text.
  const repeats = several && !(isLazy && (format.begin + format.end).trim() === "");
  const more = repeats ? `(${literals(format.between)} call)*` : "";
  const { next = "", texts = [], textFirst = false, textEnd = "" } = format.messages ?? {};
  // The first message of a turn is begun by the prompt, or behind a thought.
  const message = isLazy && next !== "" ? `${literal(next)}?` : "";
  const empty = textFirst && !isLazy ? literals((texts[0] ?? "") + textEnd) : "";
  const first = continues ? "" : `${message} ${empty} ${literals(format.begin)} call`;
  const calls = `${first} ${more} ${literals(format.end)}`;
  const isChoice = mode !== "required" && schema !== undefined;
  const json = isChoice ? `${message} ${literals(texts[0] ?? "")} ${rules.json(schemaText(schema, "json"))}` : "";
  rules.add("start", isChoice ? `calls | ${json}` : calls);
  if (isChoice) rules.add("calls", calls);
  const each = tools.map((tool, index) =>
    rules.add(`call_${index}`, new CallRule(rules, format, index, isLazy).body(tool)),
  );
  rules.add("call", each.join(" | "));
  const openings = openingsOf(
    format,
    tools.map(({ name }) => name),
  );
  const textsOf = (atStart: boolean) => openings.filter((one) => one.atStart === atStart).map(({ text }) => text);
  return {
    // What is not JSON may hold any digits.
    kind: format.arguments === "json" ? "calls" : "lark",
    text: String(rules),
    ...(isLazy
      ? {
          trigger: {
            tag: "",
            further: several,
            bare: false,
            openings: textsOf(false),
            startOpenings: textsOf(true),
          },
        }
      : {}),
  };
}

const literals = (text: string) => (text === "" ? "" : literal(text));

class CallRule {
  readonly #rules: Rules;
  readonly #format: CallFormat;
  readonly #index: number;
  readonly #isLazy: boolean;
  #count = 0;

  /** `isLazy`: the model has begun the call by itself. */
  constructor(rules: Rules, format: CallFormat, index: number, isLazy: boolean) {
    this.#isLazy = isLazy;
    this.#rules = rules;
    this.#format = format;
    this.#index = index;
  }

  body(tool: ToolConstraint["tools"][number]): string {
    const { call, also = [] } = this.#format;
    return [call, ...also].map((way) => this.#way(way, tool)).join(" | ");
  }

  #way(call: readonly CallPiece[], { name, parameters }: ToolConstraint["tools"][number]): string {
    const { keys } = this.#format;
    const head = headOf(call);
    const parts: string[] = [];
    for (let at = 0; at < call.length; at++) {
      const piece = call[at] as CallPiece;
      const next = call[at + 1];
      const after = call[at + 2];
      // An id behind the arguments is for the history: models leave it out.
      if (keys !== undefined && at > 0 && typeof piece === "string" && isId(next) && typeof after === "string") {
        parts.push(`(${literal(piece)} ${this.#id()} "\\"")?`, literals(after.replace(/^"/, "")));
        at += 2;
      } else {
        parts.push(this.#piece(piece, head, name, parameters));
      }
    }
    return parts.filter((part) => part !== "").join(" ");
  }

  #piece(piece: CallPiece, head: string, name: string, parameters: EnforcedSchema): string {
    if (typeof piece === "string") {
      const { isBare, keys } = this.#format;
      const brace = this.#isLazy && isBare && keys !== undefined && piece === head ? piece.indexOf("{") + 1 : 0;
      const type = brace > 0 ? `${literal(piece.slice(0, brace))} ${literal(bareType)}? ` : "";
      return type + literals(piece.slice(brace));
    }
    switch (piece.value) {
      case "optional":
        return `${literal(piece.text)}?`;
      case "name":
        return literal(head.endsWith('"') ? JSON.stringify(name).slice(1, -1) : name);
      case "id":
        return this.#id();
      case "index":
        return this.#terminal("/[0-9]{1,3}/");
      case "arguments":
        return this.#arguments(parameters);
    }
  }

  #arguments(parameters: EnforcedSchema): string {
    const form = this.#format.arguments;
    if (form === "json") return this.#rules.json(schemaText(parameters, "arguments"));
    if (!isNotation(form) && !isElements(form)) return this.#parameters(form, parameters);
    const prefix = `args_${this.#index}_${this.#count++}`;
    return isNotation(form)
      ? new NotationRules(this.#rules, form, prefix).arguments(parameters)
      : new ElementRules(this.#rules, form, prefix).arguments(parameters);
  }

  #id(): string {
    return this.#terminal("/[A-Za-z0-9]{9}/");
  }

  #terminal(expression: string, attributes = ""): string {
    const part = `part_${this.#index}_${this.#count++}`;
    // Expressions are combined in terminals only, which have no attributes.
    const name = attributes === "" ? part.toUpperCase() : part;
    this.#rules.add(`${name}${attributes}`, expression);
    return name;
  }

  /** Those that are declared, in their order, and others where the schema leaves it open. */
  #parameters(form: ParameterForm, parameters: EnforcedSchema): string {
    const schema = isObject(parameters) ? parameters : {};
    const properties = isObject(schema["properties"]) ? schema["properties"] : {};
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const names = Object.keys(properties);
    const written = names.map((name) => {
      const value = `${literal(form.beforeName + name)} ${this.#value(form, parameterSchema(schema, name), schema)}`;
      return required.includes(name) ? value : `(${value})?`;
    });
    if (schema["additionalProperties"] === false) return written.join(" ");
    const taken = names.length === 0 ? "" : ` & ~/${names.map(escaped).join("|")}/`;
    const name = this.#terminal(`/[A-Za-z_][A-Za-z0-9_.-]{0,63}/${taken}`);
    return [...written, `(${literal(form.beforeName)} ${name} ${this.#text(form)})*`].join(" ");
  }

  #value(form: ParameterForm, schema: unknown, root: Readonly<Record<string, unknown>>): string {
    const kind = parameterKind(schema, root);
    if (kind === "json") {
      const { $defs } = root;
      const whole = { ...(schema as object), ...($defs === undefined ? {} : { $defs }) };
      const before = `${literal(form.beforeJson)} ${typeNames(form, parameterTypes(schema, root))}`;
      return `${before} ${this.#rules.json(schemaText(whole, "json"))} ${literal(form.afterJson)}`;
    }
    const texts = kind === "text" ? listedTexts(schema) : undefined;
    if (texts === undefined) return this.#text(form, kind === "text" ? lengthsOf(schema) : undefined);
    return `${literal(form.beforeText)} (${texts.map(literal).join(" | ")}) ${literal(form.afterText)}`;
  }

  /** Any text, up to the marker that ends it. */
  #text({ beforeText, afterText }: ParameterForm, lengths = "*"): string {
    const core = afterText.trim();
    const space = afterText.slice(0, afterText.indexOf(core));
    const end = `${space === "" ? "" : `(${escaped(space).replaceAll("\n", "\\n")})?`}${escaped(core)}`;
    return `${literal(beforeText)} ${this.#terminal(`/(?s:.)${lengths}${end}/`, "[lazy]")}`;
  }
}

/** The types of a value that is no string, where the format says which it has. */
function typeNames({ behindType }: ParameterForm, types: ReadonlySet<string>): string {
  if (behindType === undefined) return "";
  const names = new Set([...types].map((type) => (type === "integer" ? "number" : type)));
  return `(${[...names].map(literal).join(" | ")}) ${literal(behindType)}`;
}

const isId = (piece: CallPiece | undefined) => typeof piece === "object" && piece.value === "id";

/** The strings that a schema lists. */
function listedTexts(schema: unknown): string[] | undefined {
  if (!isObject(schema)) return undefined;
  const values = "const" in schema ? [schema["const"]] : schema["enum"];
  return Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === "string")
    ? values
    : undefined;
}
