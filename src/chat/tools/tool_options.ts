// What can be asked of tools and of a final schema in one reply, and its checks.
import type { EngineCapabilities, ToolConstraint } from "../../engine/engine.js";
import { invalidArgument, mismatch, reading } from "../../errors.js";
import { defaultMaxResultChars } from "../../format/hermes/prompt/tool_result.js";
import { hermesVariants, type HermesVariant } from "../../format/hermes/prompt/prompt.js";
import {
  checkBoolean,
  checkChoice,
  checkFunction,
  checkOptions,
  checkPositiveNumber,
  checkWholeNumber,
} from "../../options/option_checks.js";
import {
  readSchema,
  type InferSchema,
  type ReadSchema,
  type Schema,
  type UndeclaredProperties,
} from "../../schema/read_schema.js";
import { requestBudget } from "../../schema/work_budget.js";
import { collectTools, type Tool, type ToolInput } from "./tool.js";

/** A call that waits for approval. */
export interface CallToApprove {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
}

/**
 * `true` and `{ allow: true }` let a call run, with other arguments if given; `false` and `{ allow: false }` refuse it,
 * and the model is told the reason.
 */
export type Approval =
  | boolean
  | { readonly allow: true; readonly arguments?: unknown }
  | { readonly allow: false; readonly reason?: string | undefined };

/** What a reply may call, what its answer has to be, and the limits of the loop of calls and results. */
export interface ToolLoopOptions<S extends Schema = Schema> {
  /** What the model may call: made by `tool()`, or in OpenAI's form. Names differ from each other. Defaults to none. */
  readonly tools?: readonly ToolInput[] | undefined;
  /**
   * `"auto"`: the model decides whether it calls. `"none"`: it is told of no tools, and what looks like a call is text.
   * `"required"`: its first turn is at least one call. `{ name }`: its first turn is exactly one call, of that tool.
   * Once the results of such a turn have come back the model decides again, so that the reply can end. Both need an
   * engine that constrains generation (`model.capabilities.constrained`), and leave no room for text before the call.
   * Defaults to `"auto"`.
   */
  readonly toolChoice?: "auto" | "none" | "required" | { readonly name: string } | undefined;
  /**
   * Schema of the final answer: any Standard Schema (zod, valibot, arktype) or JSON Schema. The model can write nothing
   * else where the engine constrains generation (with tools: calls or the answer, never free text). What the schema
   * says beyond that is in `reply.unenforced` and checked afterwards: `value` holds the answer, and the reply rejects
   * where it does not satisfy the schema (`SCHEMA_MISMATCH`) or a limit cut it off (`INCOMPLETE`); the error's `result`
   * has what was written. Without a constraint the reply ends as soon as the JSON is complete and something else
   * follows, or the text cannot become JSON any more. `undeclaredProperties` says which properties objects may have.
   */
  readonly schema?: S | undefined;
  /**
   * `false`: nothing is enforced while the model writes, and calls and JSON are only checked afterwards. Defaults to
   * true with tools or a schema where the engine can (`model.capabilities.constrained`).
   */
  readonly constrained?: boolean | undefined;
  /**
   * What becomes of properties that a schema does not declare, while the model writes objects whose schema has
   * `properties` and says nothing of others (`additionalProperties` and the like). `"refuse"`: the model writes the
   * declared ones only; it invents others where it may. `"allow"`: any others, as JSON Schema has it. Objects without
   * `properties` stay open either way, the prompt is the same, and so is the check afterwards. Without effect where
   * nothing is constrained. Defaults to `"refuse"`.
   */
  readonly undeclaredProperties?: UndeclaredProperties | undefined;
  /**
   * `false`: a turn has at most one call (exactly one with `toolChoice: "required"`) and ends with it. Defaults to
   * true.
   */
  readonly parallelToolCalls?: boolean | undefined;
  /**
   * Which of a call's two keys is generated first. With `"name-first"` the events of a call come while it is generated;
   * `"either"` leaves the order to the model. Has no effect without a constraint. Defaults to `"name-first"`.
   */
  readonly callOrder?: CallOrder | undefined;
  /**
   * Whether to add a sentence to the system turn that asks for one call for each thing the user wants. Models that were
   * not trained on Hermes otherwise make one call. It improves replies with required calls and worsens others
   * (docs/evaluation.md). Defaults to false.
   */
  readonly parallelHint?: boolean | undefined;
  /**
   * Whether to report an invalid answer to the model once and let it answer again; both answers stay in `messages`.
   * Defaults to false.
   */
  readonly schemaRepair?: boolean | undefined;
  /**
   * Maximum number of turns that the model generates before the reply ends with unanswered calls. Whole number from 1.
   * Defaults to 8.
   */
  readonly maxRounds?: number | undefined;
  /**
   * Whether one turn may make an identical call (the same function with the same values, in any order of keys) more
   * than once, for example to roll a die twice. Otherwise the turn ends where a call would repeat another; the event
   * `repeated-call` reports it, and the repetition is not executed. Small models repeat calls without end. Defaults to
   * false.
   */
  readonly allowRepeatedCalls?: boolean | undefined;
  /**
   * Maximum number of identical calls in all rounds together; then the reply ends. Whole number from 1. Defaults to 3.
   */
  readonly maxRepeatedCalls?: number | undefined;
  /** Number of handlers that run at the same time. Whole number from 1. Defaults to 8. */
  readonly toolConcurrency?: number | undefined;
  /** Time limit of a handler in milliseconds, unless its tool has one. Above 0, or Infinity. Defaults to 60,000. */
  readonly toolTimeoutMs?: number | undefined;
  /**
   * Maximum length of a result in UTF-16 code units; longer ones are shortened in the middle, with a note that says so.
   * From 200. Defaults to 16,384.
   */
  readonly maxResultChars?: number | undefined;
  /**
   * Called before each call is executed, one after the other. If it throws, the call is refused. Defaults to allowing
   * all.
   */
  readonly approve?:
    | ((call: CallToApprove, context: { readonly signal: AbortSignal }) => Approval | Promise<Approval>)
    | undefined;
  /**
   * `"accept"`: a reply that is nothing but the JSON of one valid call counts as that call, and so does JSON with a
   * name on the line after another call. Both are marked `repaired`, and the conversation has them with their tags.
   * Where calls are constrained and several are allowed, the model goes on behind such a call, which is then written
   * with its tags and not `repaired`, and may add further ones.
   * `"rewrite"`: the same, and where calls are constrained, a reply that is nothing but calls of given tools in
   * Python's form, or the JSON of one whose arguments are wrong, is generated again from its first token on, as calls
   * that the constraint enforces. Nothing of the first attempt is told; its tokens count.
   * Defaults to `"accept"` for models that are not Hermes, which often leave the tag out, and `"off"` for Hermes.
   */
  readonly untaggedCalls?: "accept" | "rewrite" | "off" | undefined;
  /** Wording of the system turn with tools. Defaults to the model's `promptVariant`. */
  readonly promptVariant?: HermesVariant | undefined;
  /**
   * Whether, with tools and the wording `"hermes3"`, the model is asked to plan in a scratch pad, whose text is
   * reported as `reasoning`. Defaults to false.
   */
  readonly scratchPad?: boolean | undefined;
}

/** Which of a call's two keys comes first. */
export type CallOrder = ToolConstraint["order"];

/**
 * What streams, and what a small model gets right more often: 198 of 400 samples of Berkeley against 148 with the
 * arguments first.
 */
const defaultCallOrder: CallOrder = "name-first";

export const toolOptionNames = [
  "tools",
  "toolChoice",
  "parallelToolCalls",
  "callOrder",
  "parallelHint",
  "constrained",
  "undeclaredProperties",
  "schema",
  "schemaRepair",
  "maxRounds",
  "allowRepeatedCalls",
  "maxRepeatedCalls",
  "toolConcurrency",
  "toolTimeoutMs",
  "maxResultChars",
  "approve",
  "untaggedCalls",
  "promptVariant",
  "scratchPad",
] as const satisfies readonly (keyof ToolLoopOptions)[];

/** Checked, with every default filled in. */
export interface ToolSettings {
  /** Empty with `toolChoice: "none"`. */
  readonly tools: ReadonlyMap<string, Tool>;
  /** The choice for the first turn; `"auto"` without tools. */
  readonly toolChoice: "auto" | "required" | { readonly name: string };
  readonly parallelToolCalls: boolean;
  readonly callOrder: CallOrder;
  readonly undeclaredProperties: UndeclaredProperties;
  readonly parallelHint: boolean;
  /** Whether calls and the answer are enforced while the model generates. False if there are none. */
  readonly isConstrained: boolean;
  readonly schema: ReadSchema<unknown> | undefined;
  readonly schemaRepair: boolean;
  readonly maxRounds: number;
  readonly allowRepeatedCalls: boolean;
  readonly maxRepeatedCalls: number;
  readonly toolConcurrency: number;
  readonly toolTimeoutMs: number;
  readonly maxResultChars: number;
  readonly approve: ToolLoopOptions["approve"];
  readonly untaggedCalls: "accept" | "rewrite" | "off" | undefined;
  /** Undefined: the model's own. */
  readonly promptVariant: HermesVariant | undefined;
  readonly scratchPad: boolean;
}

/**
 * What `value` is with schema and tools like these: the answer, and undefined as well where calls may wait for the
 * caller in its place.
 */
export type ValueOf<S, NoAnswer extends undefined> = S extends Schema ? InferSchema<S> | NoAnswer : unknown;

/**
 * `undefined` where tools like these may leave calls to the caller, who would answer them; `never` where each has a
 * handler.
 */
export type NoAnswerOf<T> = T extends undefined | readonly { readonly execute: (...values: never[]) => unknown }[]
  ? never
  : undefined;

export function resolveToolOptions(options: ToolLoopOptions, capabilities: EngineCapabilities): ToolSettings {
  const budget = requestBudget();
  const tools = collectTools(options.tools, budget);
  const isAllowed = checkConstrained(options.constrained, capabilities);
  const choice = reading("toolChoice", () => checkToolChoice(options.toolChoice, tools, isAllowed, capabilities));
  const schema = options.schema === undefined ? undefined : readSchema(options.schema, "schema", budget);
  const hasTools = choice !== "none" && tools.size > 0;
  return {
    tools: choice === "none" ? new Map() : tools,
    toolChoice: choice === "none" ? "auto" : choice,
    parallelToolCalls: checkBoolean(options.parallelToolCalls, "parallelToolCalls") ?? true,
    callOrder:
      checkChoice(options.callOrder, "callOrder", ["name-first", "arguments-first", "either"]) ?? defaultCallOrder,
    undeclaredProperties: readUndeclared(options.undeclaredProperties),
    parallelHint: checkBoolean(options.parallelHint, "parallelHint") ?? false,
    isConstrained: isAllowed && (hasTools || schema !== undefined),
    schema,
    schemaRepair: checkBoolean(options.schemaRepair, "schemaRepair") ?? false,
    maxRounds: checkWholeNumber(options.maxRounds, "maxRounds", 1, 1_000_000) ?? 8,
    allowRepeatedCalls: checkBoolean(options.allowRepeatedCalls, "allowRepeatedCalls") ?? false,
    maxRepeatedCalls: checkWholeNumber(options.maxRepeatedCalls, "maxRepeatedCalls", 1, 1_000_000) ?? 3,
    toolConcurrency: checkWholeNumber(options.toolConcurrency, "toolConcurrency", 1, 1_000) ?? 8,
    toolTimeoutMs:
      options.toolTimeoutMs === Infinity
        ? Infinity
        : (checkPositiveNumber(options.toolTimeoutMs, "toolTimeoutMs") ?? 60_000),
    maxResultChars:
      checkWholeNumber(options.maxResultChars, "maxResultChars", 200, 0x7fffffff) ?? defaultMaxResultChars,
    approve: checkFunction(options.approve, "approve") as ToolLoopOptions["approve"],
    untaggedCalls: checkChoice(options.untaggedCalls, "untaggedCalls", ["accept", "rewrite", "off"]),
    promptVariant: checkChoice(options.promptVariant, "promptVariant", hermesVariants),
    scratchPad: checkBoolean(options.scratchPad, "scratchPad") ?? false,
  };
}

export const readUndeclared = (value: unknown): UndeclaredProperties =>
  checkChoice(value, "undeclaredProperties", ["refuse", "allow"]) ?? "refuse";

/** Whether the engine may constrain generation. */
function checkConstrained(value: unknown, capabilities: EngineCapabilities): boolean {
  const isWanted = checkBoolean(value, "constrained");
  if (isWanted === true && !capabilities.constrained) {
    throw mismatch("INVALID_ARGUMENT", {
      expected: "false",
      place: "constrained",
      received: "true, which this engine cannot do",
    });
  }
  return isWanted ?? capabilities.constrained;
}

function checkToolChoice(
  choice: unknown,
  tools: ReadonlyMap<string, Tool>,
  isAllowed: boolean,
  capabilities: EngineCapabilities,
): ToolSettings["toolChoice"] | "none" {
  if (choice === undefined || choice === "auto") return "auto";
  if (choice === "none") return "none";
  const name = typeof choice === "object" && choice !== null ? (choice as { name?: unknown }).name : undefined;
  if (typeof name === "string") checkOptions(choice, "toolChoice", ["name"]);
  if (choice !== "required" && typeof name !== "string")
    throw invalidArgument('"auto", "none", "required" or an object with the name of a tool', "toolChoice", choice);
  if (typeof name === "string" && !tools.has(name))
    throw invalidArgument("the name of one of the tools", "toolChoice.name", name);
  if (tools.size === 0) throw invalidArgument('"auto" or "none" without tools', "toolChoice", choice);
  if (!isAllowed) {
    const reason = capabilities.constrained ? "needs constrained not to be false" : "this engine cannot enforce";
    throw mismatch("INVALID_ARGUMENT", {
      expected: '"auto" or "none"',
      place: "toolChoice",
      received: `${choice === "required" ? '"required"' : "a named tool"}, which ${reason}`,
    });
  }
  return typeof name === "string" ? { name } : "required";
}

/**
 * Calls may leave their tags out: unless somebody says otherwise, those of models that were not trained to write them.
 */
export function acceptsUntagged({ untaggedCalls }: ToolSettings, isHermes: boolean): boolean {
  return (untaggedCalls ?? (isHermes ? "off" : "accept")) !== "off";
}
