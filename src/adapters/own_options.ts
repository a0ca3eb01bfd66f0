// Options of a reply that a framework has no setting for, and passes on as they are.
import { mismatch } from "../errors.js";
import type { ReplyOptions } from "../index.js";
import { isObject } from "../json_object.js";

/** Options of a reply without those that a framework decides: it has tools, schemas and signals, and runs the calls. */
export type OwnOptions = Omit<
  ReplyOptions,
  | "tools"
  | "toolChoice"
  | "schema"
  | "schemaRepair"
  | "signal"
  | "approve"
  | "maxRounds"
  | "maxRepeatedCalls"
  | "maxResultChars"
  | "toolConcurrency"
  | "toolTimeoutMs"
>;

const decided: Readonly<Record<Exclude<keyof ReplyOptions, keyof OwnOptions>, true>> = {
  tools: true,
  toolChoice: true,
  schema: true,
  schemaRepair: true,
  signal: true,
  approve: true,
  maxRounds: true,
  maxRepeatedCalls: true,
  maxResultChars: true,
  toolConcurrency: true,
  toolTimeoutMs: true,
};

/** Refuses what the framework decides. The rest is checked by the reply. */
export function ownOptions(value: unknown, place: string): OwnOptions {
  if (value === undefined) return {};
  const given = isObject(value) ? Object.keys(decided).find((name) => value[name] !== undefined) : undefined;
  if (isObject(value) && given === undefined) return value;
  throw mismatch("INVALID_ARGUMENT", {
    expected: "options of a reply that the framework does not set",
    place,
    received: given ?? "no object",
  });
}
