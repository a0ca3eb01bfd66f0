// The constraint of each turn of a reply, and the schema keywords that it does not enforce.
import type { Constraint, EnforcedSchema, Engine, RunRequest } from "../../engine/engine.js";
import { isElements, isNotation, type ArgumentForm } from "../../engine/call_format.js";
import { isEnforcedLength, parameterKind, unenforcedInNotation } from "../../engine/parameter_kind.js";
import { allowsSeveral } from "../../format/calls/call_reading.js";
import type { ConversationFormat } from "../../format/conversation_format.js";
import { isObject } from "../../json_object.js";
import {
  ofOption,
  type EnforcedReading,
  type ReadSchema,
  type UndeclaredProperties,
  type UnenforcedKeyword,
} from "../../schema/read_schema.js";
import { widenedPlaces } from "../../schema/enforced/widened_places.js";
import { atOnce, type CooperativeWork } from "../../schema/cooperative_work.js";
import { acceptsUntagged, type ToolSettings } from "./tool_options.js";

/** A keyword of a tool's or the answer's schema that is checked only after the model has written. */
export interface Unenforced extends UnenforcedKeyword {
  /** Whose arguments it is about; missing for the final answer. */
  readonly tool?: string;
}

/**
 * The constraint of a turn; undefined where the model writes freely. `isForced`: the turn is the one that `toolChoice`
 * is about. Later ones are free to answer, or no reply with a required call would ever end.
 */
export function roundConstraint(
  settings: ToolSettings,
  { isHermes, calls }: Pick<ConversationFormat, "isHermes" | "calls">,
  isForced: boolean,
): Constraint | undefined {
  const { tools, schema, toolChoice, isConstrained, parallelToolCalls, callOrder, undeclaredProperties } = settings;
  if (!isConstrained) return undefined;
  if (tools.size === 0) return schema && { kind: "json", schema: schema.enforced(undeclaredProperties).schema };
  const forced = isForced ? toolChoice : "auto";
  const isNamed = typeof forced === "object";
  const named = [...tools.values()]
    .map((tool, index) => ({ tool, index }))
    .filter(({ tool: { name } }) => !isNamed || name === forced.name);
  // A named tool is called once.
  const parallel = parallelToolCalls && !isNamed && allowsSeveral(calls);
  return {
    kind: "tools",
    ...(calls.kind === "own" ? { format: calls.format } : {}),
    tools: named.map(({ tool: { name, schema: parameters }, index }) => ({
      name,
      parameters: enforcedTool(parameters, undeclaredProperties, name, index).schema,
    })),
    mode: forced === "auto" ? "auto" : "required",
    parallel,
    order: callOrder,
    bareFurtherCalls: parallel && calls.kind === "hermes" && acceptsUntagged(settings, isHermes),
    ...(schema === undefined ? {} : { schema: schema.enforced(undeclaredProperties).schema }),
  };
}

/** What may follow a call of a turn that had no constraint until then; undefined where nothing may. */
export function furtherCalls(constraint: Constraint | undefined): Constraint | undefined {
  if (constraint?.kind !== "tools" || isWhole(constraint) || !constraint.parallel) return undefined;
  return { ...constraint, mode: "required", continues: true };
}

/** What a turn of a request is written under that meant to call tools; undefined where it is written already. */
export function rewritingConstraint(
  { untaggedCalls }: Pick<ToolSettings, "untaggedCalls">,
  { constraint, logProbabilities, maxTokens }: Pick<RunRequest, "constraint" | "logProbabilities" | "maxTokens">,
): Constraint | undefined {
  // Log probabilities are told with the tokens of the first attempt.
  if (untaggedCalls !== "rewrite" || logProbabilities || (maxTokens ?? Infinity) < 2) return undefined;
  return constraint?.kind === "tools" && !isWhole(constraint) ? { ...constraint, mode: "required" } : undefined;
}

/** Whether a turn is calls or JSON from its first token on. */
export function isWhole(constraint: Constraint | undefined): boolean {
  return (
    constraint?.kind === "json" ||
    (constraint?.kind === "tools" && (constraint.mode === "required" || constraint.schema !== undefined))
  );
}

/** Whether a turn is free text, in which at most calls are constrained. */
export const isFree = (constraint: Constraint | undefined): boolean =>
  constraint === undefined || (constraint.kind === "tools" && !isWhole(constraint));

/** What is known before the first token. */
export function unenforcedOf(
  { tools, schema, isConstrained, undeclaredProperties }: ToolSettings,
  { calls }: Pick<ConversationFormat, "calls">,
  engine: EngineGuarantees,
): Unenforced[] {
  const form = calls.kind === "own" ? calls.format.arguments : "json";
  const reason = !isConstrained
    ? "the reply is not constrained"
    : tools.size > 0 && !constrainsCalls(engine.capabilities, { calls })
      ? "the server does not constrain calls in this model's format"
      : undefined;
  const left = (list: readonly UnenforcedKeyword[], whole: string) =>
    reason === undefined ? list : [{ path: whole, keyword: "*", reason }];
  return [
    ...[...tools.values()].flatMap(({ name, schema: parameters }, index) => {
      const whole = `${name}.parameters`;
      const reading = enforcedTool(parameters, undeclaredProperties, name, index);
      const asText = form === "json" ? [] : unenforcedAsText(reading.schema, form, whole);
      const unenforced = [...reading.unenforced, ...asText, ...unenforcedBy(engine, parameters, reading, whole)];
      return left(unenforced, whole).map((one) => ({ tool: name, ...one }));
    }),
    ...(schema === undefined ? [] : left(unenforcedOfAnswer(schema, undeclaredProperties, engine), "schema")),
  ];
}

/** What an engine says of what it enforces. */
export type EngineGuarantees = Pick<Engine, "capabilities" | "widenedKeywords">;

/** Whether calls in the model's format are constrained by an engine that constrains anything. */
export const constrainsCalls = (
  { constrained, constrainsOtherCalls }: Engine["capabilities"],
  { calls }: Pick<ConversationFormat, "calls">,
): boolean => constrained && (calls.kind !== "own" || constrainsOtherCalls !== false);

export function unenforcedOfAnswer(
  schema: ReadSchema,
  undeclared: UndeclaredProperties,
  engine: EngineGuarantees,
): readonly UnenforcedKeyword[] {
  const reading = schema.enforced(undeclared);
  return [...reading.unenforced, ...unenforcedBy(engine, schema, reading, "schema")];
}

/** What the engine leaves out of a schema's enforced part. */
function unenforcedBy(
  { widenedKeywords }: EngineGuarantees,
  { jsonSchema }: ReadSchema,
  reading: EnforcedReading,
  whole: string,
): UnenforcedKeyword[] {
  if (widenedKeywords === undefined) return [];
  const known = new Set(reading.unenforced.map(({ path, keyword }) => `${path} ${keyword}`));
  return widenedPlaces(jsonSchema, reading, widenedKeywords(reading.schema, whole !== "schema"), whole).filter(
    ({ path, keyword }) => !known.has(`${path} ${keyword}`),
  );
}

/** What is left of a schema's keywords where arguments stand by themselves, and strings have no quotes. */
function unenforcedAsText(
  schema: EnforcedSchema,
  form: Exclude<ArgumentForm, "json">,
  path: string,
): UnenforcedKeyword[] {
  if (!isObject(schema)) return [];
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const unlisted = (keywords: readonly string[], at: string, reason: string) =>
    keywords.map((keyword) => ({ path: at, keyword, reason }));
  return [
    ...unlisted(
      Object.keys(schema).filter((keyword) => !parameterKeywords.includes(keyword)),
      path,
      "the model's format writes each argument by itself",
    ),
    ...Object.entries(properties).flatMap(([name, inner]) => {
      const at = `${path}.properties.${name}`;
      if (isElements(form)) return unenforcedInNotation(inner, at).map(asNotation);
      if (isNotation(form)) return form.quote === undefined ? [] : unenforcedInNotation(inner, at).map(asNotation);
      return isObject(inner) && parameterKind(inner, schema) !== "json"
        ? unlisted(
            Object.keys(inner).filter((keyword) => !isEnforcedText(inner, keyword, schema)),
            at,
            "the model's format writes it as text without quotes",
          )
        : [];
    }),
  ];
}

const asNotation = (keyword: Omit<UnenforcedKeyword, "reason">): UnenforcedKeyword => ({
  ...keyword,
  reason: "the model's format writes it in a notation that is not JSON",
});

const parameterKeywords = ["type", "properties", "required", "additionalProperties", "$defs"];

function isEnforcedText(schema: Readonly<Record<string, unknown>>, keyword: string, root: unknown): boolean {
  if (keyword === "type") return true;
  if (parameterKind(schema, root) !== "text") return false;
  const isLength = keyword === "minLength" || keyword === "maxLength";
  return isLength ? isEnforcedLength(schema[keyword]) : keyword === "enum" || keyword === "const";
}

/** What `tool()` read knows only its own name; here the tool has its place in the request. */
export function enforcedTool(
  parameters: ReadSchema,
  undeclared: UndeclaredProperties,
  name: string,
  index: number,
): EnforcedReading {
  return atOnce(enforcedToolInSlices(parameters, undeclared, name, index));
}

export function enforcedToolInSlices(
  parameters: ReadSchema,
  undeclared: UndeclaredProperties,
  name: string,
  index: number,
): CooperativeWork<EnforcedReading> {
  return ofOption(`${name}.parameters`, `tools[${index}].parameters`, parameters.enforcedInSlices(undeclared));
}
