// Constraints of the answer: the fields of OpenAI, llama.cpp's server and vLLM for schemas, regular expressions,
// choices and grammars. One of them at a time.
import { describe } from "../../errors.js";
import { ApiError } from "../api_error.js";
import { checkNames } from "./check_fields.js";
import { type Fields, invalid, invalidContent } from "./read_fields.js";
import { isObject } from "../../json_object.js";

type JsonSchema = Record<string, unknown>;

/** What the library is given. */
export interface AnswerConstraint {
  readonly options: { readonly schema?: JsonSchema; readonly regex?: string; readonly grammar?: string };
  /** Every keyword of the schema must be enforced. */
  readonly strict: boolean;
  /** The field that it came from. */
  readonly param: string;
}

const anyObject = { type: "object" } as const;

export function readConstraint(body: Fields): AnswerConstraint | undefined {
  const format = readResponseFormat(body);
  const others = [
    readSchema(body, "json_schema"),
    readGrammar(body, "grammar"),
    readSchema(body, "guided_json"),
    readRegex(body, "guided_regex"),
    readChoice(body, "guided_choice"),
    readGrammar(body, "guided_grammar"),
    ...readStructuredOutputs(body),
  ].filter((one) => one !== undefined);
  // As with llama.cpp's server, the schema may stand beside `{"type": "json_object"}`.
  const given =
    format === undefined || (format.isAnyJson && others.length > 0) ? others : [format.constraint, ...others];
  if (given.length <= 1) return given[0];
  throw new ApiError(
    400,
    "invalid_value",
    `${given.map(({ param }) => param).join(" and ")} cannot be combined. Send one of them.`,
    { param: given[1]!.param },
  );
}

function readResponseFormat(
  body: Fields,
): { readonly constraint: AnswerConstraint; readonly isAnyJson: boolean } | undefined {
  const format = body.fields("response_format");
  const type = format?.required("type", (name) => format.choice(name, ["text", "json_object", "json_schema"]));
  if (format === undefined) return undefined;
  refuseOther(format, type!);
  if (type === "text") return undefined;
  const ofFormat = (schema: JsonSchema, strict = false) => ({
    constraint: { options: { schema }, strict, param: "response_format" },
    isAnyJson: schema === anyObject,
  });
  // llama.cpp's server takes the schema in the format itself.
  const own = format.fields("schema") && objectOf(format, "schema");
  if (type === "json_object") return ofFormat(own ?? anyObject);
  if (own !== undefined) return ofFormat(own);
  const description = format.required("json_schema", format.fields);
  checkNames(description, ["name", "description", "schema", "strict"]);
  // OpenAI wants a name; llama.cpp's server does not, and it changes nothing.
  description.text("name");
  description.required("schema", description.fields);
  const told = description.text("description");
  return ofFormat(
    { ...(told === undefined ? {} : { description: told }), ...objectOf(description, "schema") },
    description.boolean("strict") ?? false,
  );
}

/** A schema that the type does not speak of would be left out without a word, and so would one of two. */
function refuseOther(format: Fields, type: string): void {
  const given = ["json_schema", "schema"].filter((name) => format.value(name) !== undefined);
  const types = { schema: ["json_object", "json_schema"], json_schema: ["json_schema"] };
  for (const name of given as (keyof typeof types)[]) {
    if (types[name].includes(type)) continue;
    const expected = types[name].map((one) => JSON.stringify(one)).join(" or ");
    throw new ApiError(
      400,
      "invalid_value",
      `${format.path(name)} cannot be combined with the type ${JSON.stringify(type)}. Send the type ${expected}.`,
      { param: format.path(name) },
    );
  }
  if (given.length > 1)
    throw new ApiError(
      400,
      "invalid_value",
      `${given.map(format.path, format).join(" and ")} cannot be combined. Send one of them.`,
      { param: format.path("schema") },
    );
}

function readStructuredOutputs(body: Fields): (AnswerConstraint | undefined)[] {
  const outputs = body.fields("structured_outputs");
  if (outputs === undefined) return [];
  const anyJson =
    outputs.boolean("json_object") === true
      ? { options: { schema: anyObject }, strict: false, param: outputs.path("json_object") }
      : undefined;
  return [
    readSchema(outputs, "json"),
    readRegex(outputs, "regex"),
    readChoice(outputs, "choice"),
    readGrammar(outputs, "grammar"),
    anyJson,
  ];
}

/** An object, or its JSON as vLLM takes it. */
function readSchema(fields: Fields, name: string): AnswerConstraint | undefined {
  const value = fields.value(name);
  if (value === undefined) return undefined;
  if (typeof value !== "string") fields.fields(name);
  const schema = typeof value === "string" ? parse(value, fields.path(name)) : objectOf(fields, name);
  return {
    options: { schema: Object.keys(schema).length === 0 ? anyObject : schema },
    strict: false,
    param: fields.path(name),
  };
}

function parse(text: string, param: string): JsonSchema {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidContent(param, "a JSON Schema", "text that is not JSON");
  }
  if (!isObject(value)) throw invalid(param, "a JSON Schema as an object", value);
  return value as JsonSchema;
}

function readRegex(fields: Fields, name: string): AnswerConstraint | undefined {
  const regex = fields.text(name);
  return regex === undefined ? undefined : { options: { regex }, strict: false, param: fields.path(name) };
}

function readGrammar(fields: Fields, name: string): AnswerConstraint | undefined {
  const grammar = fields.text(name);
  return grammar === undefined || grammar === ""
    ? undefined
    : { options: { grammar }, strict: false, param: fields.path(name) };
}

function readChoice(fields: Fields, name: string): AnswerConstraint | undefined {
  const list = fields.list(name);
  if (list === undefined) return undefined;
  const param = fields.path(name);
  if (list.length === 0 || !list.every((one) => typeof one === "string" && one !== ""))
    throw invalidContent(param, "strings that are not empty", describe(list));
  const broken = list.findIndex((one) => /\p{Surrogate}/u.test(one as string));
  if (broken !== -1) throw invalidContent(`${param}[${broken}]`, "well-formed text", "a lone surrogate");
  return {
    options: { grammar: `start: ${list.map((one) => literal(one as string)).join(" | ")}\n` },
    strict: false,
    param,
  };
}

/** As Lark writes texts: like JSON, but for what its lexer does not read. */
const literal = (text: string) => JSON.stringify(text).replaceAll("\x7f", "\\u007f");

const objectOf = (fields: Fields, name: string) => fields.value(name) as JsonSchema;
