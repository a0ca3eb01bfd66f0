// Standard Schema (zod, valibot, arktype and others): recognizing one, and asking it for its JSON Schema.
import { createRequire } from "node:module";
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { CaduceusError, describeThrown } from "../errors.js";
import { invalidSchema } from "./json_schema.js";
import { isObject } from "../json_object.js";

/** zod's schemas are objects, arktype's are functions. */
export function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
  if ((typeof schema !== "object" || schema === null) && typeof schema !== "function") return false;
  const standard = (schema as { "~standard"?: unknown })["~standard"];
  return isObject(standard) && standard["version"] === 1 && typeof standard["validate"] === "function";
}

/**
 * The JSON Schema of what goes into a Standard Schema, which is what a model has to write. Asked for, in this order:
 * the library's own Standard JSON Schema, an older `toJsonSchema` or `toJSONSchema` of the schema itself, and for
 * valibot the package @valibot/to-json-schema, if it is installed. Throws `INVALID_SCHEMA` where a type has no JSON
 * form (dates, functions).
 */
export function jsonSchemaOf(schema: StandardSchemaV1, name: string): unknown {
  const { vendor } = schema["~standard"];
  try {
    const { jsonSchema } = schema["~standard"] as Partial<StandardJSONSchemaV1.Props>;
    if (jsonSchema !== undefined) return newest((target) => jsonSchema.input({ target }));
    const { toJsonSchema, toJSONSchema } = schema as { toJsonSchema?: unknown; toJSONSchema?: unknown };
    if (typeof toJsonSchema === "function") return toJsonSchema.call(schema) as unknown;
    if (typeof toJSONSchema === "function") return toJSONSchema.call(schema, { io: "input" }) as unknown;
    if (vendor === "valibot") return newest((target) => valibotConverter(name)(schema, { target, typeMode: "input" }));
  } catch (error) {
    if (error instanceof CaduceusError) throw error;
    const reason = describeThrown(error);
    throw invalidSchema(`a ${vendor} schema that has a JSON Schema`, name, `a schema without one (${reason})`, {
      cause: error,
    });
  }
  throw invalidSchema(
    "a Standard Schema that can give its JSON Schema",
    name,
    `one of ${vendor}, which cannot; give the JSON Schema itself`,
  );
}

// Both targets are common; a library may support only one. The first failure says more about the schema.
function newest(convert: (target: "draft-2020-12" | "draft-07") => unknown): unknown {
  try {
    return convert("draft-2020-12");
  } catch (error) {
    try {
      return convert("draft-07");
    } catch {
      throw error;
    }
  }
}

type ValibotConverter = (schema: unknown, options: { target: string; typeMode: string }) => unknown;

// The package is not a dependency: it is looked up from this library, then from the working folder.
function valibotConverter(name: string): ValibotConverter {
  for (const from of [import.meta.url, `${process.cwd()}/package.json`]) {
    try {
      return (createRequire(from)("@valibot/to-json-schema") as { toJsonSchema: ValibotConverter }).toJsonSchema;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw invalidSchema(
    "a schema that can give its JSON Schema",
    name,
    "one of valibot, which needs the package @valibot/to-json-schema (npm install @valibot/to-json-schema)",
  );
}
