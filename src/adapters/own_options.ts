// Options of a reply that a framework has no setting for, and passes on as they are.
import { mismatch } from "../errors.js";
import type { ReplyOptions } from "../index.js";
import { isObject } from "../json_object.js";

/** Options that a framework decides: it has tools, schemas and signals of its own, and runs the calls. */
const decided = [
  "tools",
  "toolChoice",
  "schema",
  "schemaRepair",
  "signal",
  "approve",
  "maxRounds",
  "maxRepeatedCalls",
  "maxResultChars",
  "toolConcurrency",
  "toolTimeoutMs",
] as const satisfies readonly (keyof ReplyOptions)[];

export type OwnOptions = Omit<ReplyOptions, (typeof decided)[number]>;

/** Refuses what the framework decides. The rest is checked by the reply. */
export function ownOptions(value: unknown, place: string): OwnOptions {
  if (value === undefined) return {};
  const given = isObject(value) ? decided.find((name) => value[name] !== undefined) : undefined;
  if (isObject(value) && given === undefined) return value;
  throw mismatch("INVALID_ARGUMENT", {
    expected: "options of a reply that the framework does not set",
    place,
    received: given ?? "no object",
  });
}
