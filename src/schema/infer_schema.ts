// The TypeScript type of what a schema describes: a Standard Schema's output, or a light reading of a literal JSON
// Schema.
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonSchema } from "./json_schema.js";

/** What this library takes as a schema: any Standard Schema (zod, valibot, arktype, …) or a plain JSON Schema. */
export type Schema = StandardSchemaV1 | JsonSchema;

/** The type of values that have passed a schema. `unknown` where a JSON Schema does not say, or is not a literal. */
export type InferSchema<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : FromJsonSchema<S>;

/**
 * Reads `type`, `properties`, `required`, `items`, `enum`, `const`, `anyOf` and `oneOf` of a JSON Schema written as a
 * literal. Other keywords narrow values, not types.
 */
export type FromJsonSchema<S> = S extends { readonly const: infer C }
  ? C
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly anyOf: readonly (infer M)[] }
      ? FromMember<M>
      : S extends { readonly oneOf: readonly (infer M)[] }
        ? FromMember<M>
        : S extends { readonly type: infer T }
          ? FromType<T extends readonly (infer Each)[] ? Each : T, S>
          : unknown;

// Distributes over the members of anyOf.
type FromMember<M> = M extends unknown ? FromJsonSchema<M> : never;

type FromType<T, S> = T extends "string"
  ? string
  : T extends "number" | "integer"
    ? number
    : T extends "boolean"
      ? boolean
      : T extends "null"
        ? null
        : T extends "array"
          ? S extends { readonly items: infer Items }
            ? FromJsonSchema<Items>[]
            : unknown[]
          : T extends "object"
            ? FromProperties<S>
            : unknown;

type FromProperties<S> = S extends { readonly properties: infer P }
  ? Flat<
      { -readonly [K in keyof P as K extends RequiredNames<S> ? K : never]: FromJsonSchema<P[K]> } & {
        -readonly [K in keyof P as K extends RequiredNames<S> ? never : K]?: FromJsonSchema<P[K]>;
      }
    >
  : Record<string, unknown>;

type RequiredNames<S> = S extends { readonly required: readonly (infer R)[] } ? R : never;

type Flat<T> = { [K in keyof T]: T[K] };
