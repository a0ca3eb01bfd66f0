// Tool definitions as they stand between <tools> and </tools>: one JSON object a tool, in the form of each prompt
// variant.
import { hideTags, toPythonJson } from "./prompt_json.js";
import { isObject } from "../../../json_object.js";

/** What the prompt says about a tool. */
export interface PromptTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of the arguments. Undefined: an object without properties. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The model card's form: the caller's own description and schema. A missing description leaves its key out; missing
 * parameters are written as an object without properties.
 */
export function cardDefinition({ name, description, parameters }: PromptTool): string {
  return definition({ name, description, parameters: parameters ?? { type: "object", properties: {} } });
}

/**
 * The published template's form: the description begins with a Python signature and ends with the parameters' own
 * descriptions, one a line; a schema without properties is written as `{}`.
 */
export function templateDefinition({ name, description, parameters }: PromptTool): string {
  const properties = Object.entries(record(parameters?.["properties"]));
  const signature = properties.map(([key, schema]) => `${key}: ${pythonType(schema)}`).join(", ");
  const lines = properties.map(
    ([key, schema]) => `        ${key}(${pythonType(schema)}): ${text(record(schema)["description"]).trim()}`,
  );
  const about = description === undefined ? "" : ` - ${description}`;
  const args = lines.length === 0 ? "" : `    Args:\n${lines.join("\n")}`;
  return definition({
    name,
    description: `${name}(${signature})${about}\n\n${args}`,
    parameters: properties.length === 0 ? {} : parameters,
  });
}

function definition(about: { name: string; description: string | undefined; parameters: unknown }): string {
  return hideTags(toPythonJson({ type: "function", function: about }));
}

const basicTypes = new Map([
  ["string", "str"],
  ["number", "float"],
  ["integer", "int"],
  ["boolean", "bool"],
]);

/** The Python type that a property's schema stands for, as the published template writes it. */
function pythonType(schema: unknown): string {
  const { type, items, additionalProperties } = record(schema);
  if (Array.isArray(type)) return `Union[${type.map((one) => pythonType({ type: one })).join(",")}]`;
  if (type === "array") return `list[${pythonType(items)}]`;
  if (type === "object")
    return isObject(additionalProperties) ? `dict[str, ${pythonType(additionalProperties)}]` : "dict";
  return basicTypes.get(text(type)) ?? "Any";
}

function record(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
