// The options of replies, and their checks.
import { CaduceusError, invalidArgument, mismatch, reading } from "../../errors.js";
import type { RunRequest } from "../../engine/engine.js";
import {
  checkBoolean,
  checkChoice,
  checkOptions,
  checkPositiveNumber,
  checkSignal,
  checkText,
  checkWholeNumber,
  isSignal,
  type GivenOptions,
} from "../../options/option_checks.js";
import type { AdapterChoice } from "../../model/loading/adapters.js";
import type { LoadedModel } from "../../model/loading/loaded_model.js";
import { readSchema, type Schema, type UndeclaredProperties } from "../../schema/read_schema.js";
import { checkRequestId } from "../diagnostics.js";
import { checkTokens } from "../raw_prompt.js";
import { unenforcedOfAnswer, type Unenforced } from "../tools/round_constraint.js";
import { infillNames, readInfill, type Infill, type InfillOptions } from "./infill.js";
import { readReasoning, type Reasoning } from "./reasoning.js";
import { readTextConstraint, textConstraintNames, type TextConstraintOptions } from "./text_constraint.js";
import {
  readUndeclared,
  resolveToolOptions,
  toolOptionNames,
  type ToolLoopOptions,
  type ToolSettings,
} from "../tools/tool_options.js";
import { resolveSampling, samplingOptionNames, type SamplingOptions } from "../../model/loading/sampling.js";

/** Options of everything that a model generates. */
export interface GenerationOptions extends SamplingOptions {
  /**
   * Maximum number of generated tokens. At this limit the reply ends with finish reason `"length"`. Whole number, at
   * least 1. Defaults to the remaining context.
   */
  readonly maxTokens?: number | undefined;
  /**
   * Minimum number of generated tokens before the model can end its turn. A complete schema, grammar or call ends it
   * earlier, and so do stop strings. Whole number from 0 to `maxTokens`. Defaults to 0.
   */
  readonly minTokens?: number | undefined;
  /** Token ids that end the turn besides the model's own end-of-generation tokens. Defaults to none. */
  readonly stopTokens?: readonly number[] | undefined;
  /**
   * A string, or an array of strings, none of them empty. The reply ends before the first that is generated, which is
   * not part of its text. They apply to free text: not to the thought of a model that thinks first, not inside a
   * constrained call, from its opening tag to its closing one, nor to the white space between two calls, nor to an
   * answer by `schema`. In `complete` they apply whatever constrains the text. Defaults to none.
   */
  readonly stop?: string | readonly string[] | undefined;
  /** Whether text events and the result contain tokens and their log probabilities. Defaults to false. */
  readonly logProbabilities?: boolean | undefined;
  /**
   * Number of most likely tokens reported with each token that has a log probability. Whole number from 0 to 20; above
   * 0 only with log probabilities. Defaults to 0.
   */
  readonly topLogProbabilities?: number | undefined;
  /**
   * Priority among waiting requests, and among running ones when cache cells run out: higher first. Whole number from
   * -100 to 100. Defaults to 0.
   */
  readonly priority?: number | undefined;
  /**
   * Maximum time in milliseconds that a request waits before its prefill begins (with tools, in each round); then the
   * reply fails with `QUEUE_TIMEOUT`. Number above 0. Defaults to no limit.
   */
  readonly queueTimeoutMs?: number | undefined;
  /**
   * Adapters (LoRA) with which the model generates: the name of one that is loaded, its name and `scale`, or an array
   * of these; `[]` is the model alone. Requests with the same ones share batches and cached tokens, others take turns.
   * Defaults to all of the model's adapters, each at its own scale.
   */
  readonly adapter?: string | AdapterChoice | ReadonlyArray<string | AdapterChoice> | undefined;
  /**
   * Scope of the prefix cache. Requests of different scopes never share cached tokens, so that tenants cannot learn
   * from timings what others have sent: use one scope for each tenant. Any text. Defaults to `""`, which is a scope
   * too.
   */
  readonly cacheScope?: string | undefined;
  /**
   * Whether the same request with the same `seed` gives the same tokens and log probabilities to the last bit, whatever
   * else runs. It is computed apart from others and shares no cached tokens, so it takes longer. Without a `seed`, use
   * temperature 0. Throws `INVALID_ARGUMENT` if the engine does not support it (`model.capabilities.deterministic`).
   * Defaults to false.
   */
  readonly deterministic?: boolean | undefined;
  /**
   * Whether to save the state of the prompt's beginning to disk (`prefixFolder` of `load`), so that it need not be
   * computed again after a restart: in a conversation everything before its last message, in `complete` the whole
   * prompt. Short prefixes are not saved. Defaults to false; the first turn of a chat saves its system turn, tools
   * included, unless this is false.
   */
  readonly keepPrefix?: boolean | undefined;
  /**
   * The reply's `id` in messages of `node:diagnostics_channel`. Text of 1 to 200 characters. Defaults to an id that is
   * unique in the process.
   */
  readonly requestId?: string | undefined;
  /** Aborts the reply in any state; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a completion of a raw prompt. */
export interface CompleteOptions extends GenerationOptions, TextConstraintOptions, InfillOptions {
  /**
   * Constrains the whole text to JSON that satisfies this schema: any Standard Schema (zod, valibot, arktype) or JSON
   * Schema. `reply.unenforced` lists the keywords that cannot be enforced. The schema is not part of the prompt, and
   * the text is not checked afterwards. Not together with `regex` or `grammar`. Defaults to none.
   */
  readonly schema?: Schema | undefined;
  /** As for a reply. Has no effect without `schema`. Defaults to `"refuse"`. */
  readonly undeclaredProperties?: UndeclaredProperties | undefined;
  /** As for a reply, but may be 0: then nothing is generated. */
  readonly maxTokens?: number | undefined;
  /**
   * The first event is `prompt`, with the log probability of each of the prompt's own tokens after those before it, and
   * so has the result. All of the prompt is computed for it, whatever of it is cached. Throws `INVALID_ARGUMENT` where
   * the engine cannot give them (`model.capabilities.logProbabilities`). Defaults to false.
   *
   * @example const { promptLogProbabilities } = await model.complete("The sky is blue", { promptLogProbabilities: true,
   * maxTokens: 0 })
   */
  readonly promptLogProbabilities?: boolean | undefined;
}

/**
 * Options of a reply. With tools or a schema the temperature defaults to 0.1. `regex` and `grammar` cannot be combined
 * with either.
 */
export interface ReplyOptions<S extends Schema = Schema>
  extends GenerationOptions,
    ToolLoopOptions<S>,
    TextConstraintOptions {
  /**
   * What happens when the conversation does not fit into the context before the model writes. `"error"`: the reply
   * fails with `CONTEXT_FULL`. `"drop-oldest"`: the oldest turns (a message of the user and everything up to the next)
   * are left out, whole, until the prompt and room for the answer fit: `maxTokens` or at most a quarter of the context,
   * without `maxTokens` an eighth. The system message and the turn to be answered always stay; `CONTEXT_FULL` where
   * they alone are too long. The event and the result `dropped` say what was left out; a chat goes on without it.
   * Either way a reply that fills the context while the model writes ends with finish reason `"length"`. Defaults to
   * `"error"`.
   */
  readonly contextOverflow?: "error" | "drop-oldest" | undefined;
  /**
   * Whether the model thinks before it answers, if its template knows thoughts: `"on"`, `"off"`, or on with at most
   * `maxTokens` tokens, after which the thought is ended for it, and with an `effort`, if the template takes one. What
   * it thinks is told by `reasoning` events and is no part of the text. A schema, required calls, `regex` and `grammar`
   * apply to what follows the thought. Throws `INVALID_ARGUMENT` for what the model's prompt format does not have
   * (`model.capabilities`). Defaults to what the template does by itself.
   */
  readonly reasoning?: Reasoning | undefined;
  /**
   * Whether the reply continues the last message, which then is the assistant's, with text and without calls. Its turn
   * stays open, the reply's text and message are only what is new, and the model does not think first. Throws
   * `TEMPLATE_FAILED` if the model's template does not write that text as it is. Defaults to false.
   */
  readonly continueFinalMessage?: boolean | undefined;
}

const generationOptionNames = [
  ...samplingOptionNames,
  "maxTokens",
  "minTokens",
  "stopTokens",
  "stop",
  "logProbabilities",
  "topLogProbabilities",
  "priority",
  "queueTimeoutMs",
  "adapter",
  "cacheScope",
  "deterministic",
  "keepPrefix",
  "requestId",
  "signal",
] as const satisfies readonly (keyof GenerationOptions)[];

export const completeOptionNames = [
  ...generationOptionNames,
  ...textConstraintNames,
  ...infillNames,
  "schema",
  "undeclaredProperties",
  "promptLogProbabilities",
] as const satisfies readonly (keyof CompleteOptions)[];

export const replyOptionNames = [
  ...generationOptionNames,
  ...toolOptionNames,
  ...textConstraintNames,
  "contextOverflow",
  "reasoning",
  "continueFinalMessage",
] as const satisfies readonly (keyof ReplyOptions)[];

/** An engine request without its prompt. */
export type RequestSettings = Omit<RunRequest, "prompt" | "after" | "keepPrefix">;

/** Checked options of `complete`. */
export interface CompleteSettings {
  readonly request: RequestSettings;
  /** Undefined: not given. */
  readonly keepPrefix: boolean | undefined;
  /** The schema keywords that are not enforced. */
  readonly unenforced: readonly Unenforced[];
  /** What stands around the prompt, where the middle of a text is filled in. */
  readonly infill: Infill | undefined;
}

/** Checked options of a reply. */
export interface ReplySettings extends Omit<CompleteSettings, "unenforced" | "infill"> {
  readonly tools: ToolSettings;
  readonly contextOverflow: "error" | "drop-oldest";
  readonly reasoning: Reasoning | undefined;
  readonly continueFinalMessage: boolean;
}

/** Checks the options of `subject` and fills in what they leave open. */
export function resolveReplyOptions(value: unknown, subject: string, model: LoadedModel): ReplySettings {
  const options = checkOptions(value, subject, replyOptionNames) as ReplyOptions;
  const tools = resolveToolOptions(options, model.engine.capabilities);
  const isExact = tools.tools.size > 0 || tools.schema !== undefined;
  const constraint = readTextConstraint(options, model.engine.capabilities);
  if (constraint !== undefined && isExact) {
    throw new CaduceusError(
      "INVALID_ARGUMENT",
      `${options.regex === undefined ? "grammar" : "regex"} cannot be combined with ${tools.schema === undefined ? "tools" : "schema"}. Give one of them.`,
      { param: options.regex === undefined ? "grammar" : "regex" },
    );
  }
  if (constraint !== undefined && options.constrained === false)
    throw new CaduceusError("INVALID_ARGUMENT", "constrained: false cannot be combined with regex or grammar.", {
      param: "constrained",
    });
  const contextOverflow = checkChoice(options.contextOverflow, "contextOverflow", ["error", "drop-oldest"]) ?? "error";
  const reasoning = readReasoning(
    options.reasoning,
    () => model.format(tools.promptVariant),
    model.engine.capabilities,
  );
  const { request, keepPrefix } = resolveRequest(
    isExact ? { temperature: exactTemperature, ...options } : options,
    model,
  );
  const continueFinalMessage = checkBoolean(options.continueFinalMessage, "continueFinalMessage") ?? false;
  return { request: { ...request, constraint }, keepPrefix, tools, contextOverflow, reasoning, continueFinalMessage };
}

/** The same for a raw prompt. */
export function resolveCompleteOptions(value: unknown, model: LoadedModel): CompleteSettings {
  const options = checkOptions(value, "complete", completeOptionNames) as CompleteOptions;
  const { request, keepPrefix } = resolveRequest(options, model, 0);
  const { capabilities } = model.engine;
  const infill = readInfill(options, model.engine.info);
  const text = readTextConstraint(options, capabilities);
  const schema = options.schema === undefined ? undefined : readSchema(options.schema, "schema");
  if (schema === undefined) return { request: { ...request, constraint: text }, keepPrefix, unenforced: [], infill };
  if (text !== undefined)
    throw new CaduceusError(
      "INVALID_ARGUMENT",
      `${text.kind === "regex" ? "regex" : "grammar"} cannot be combined with schema. Give one of them.`,
      { param: "schema" },
    );
  if (!capabilities.constrained)
    throw new CaduceusError("INVALID_ARGUMENT", "schema cannot be used: this engine does not enforce it.", {
      param: "schema",
    });
  const undeclared = readUndeclared(options.undeclaredProperties);
  return {
    request: { ...request, constraint: { kind: "json", schema: schema.enforced(undeclared).schema } },
    keepPrefix,
    unenforced: unenforcedOfAnswer(schema, undeclared, model.engine),
    infill,
  };
}

// Default temperature of calls and JSON, at which the published scores were measured.
const exactTemperature = 0.1;

// Some thirty years: longer times do not fit into the engine's clock.
const longestWaitMs = 1e12;

/** `leastTokens` is the minimum of `maxTokens`. */
function resolveRequest(
  options: GenerationOptions,
  model: LoadedModel,
  leastTokens = 1,
): Pick<CompleteSettings, "request" | "keepPrefix"> {
  checkSignal(options.signal);
  checkRequestId(options.requestId);
  const deterministic = checkBoolean(options.deterministic, "deterministic") ?? false;
  if (deterministic && !model.engine.capabilities.deterministic) {
    throw mismatch("INVALID_ARGUMENT", {
      expected: "false",
      place: "deterministic",
      received: "true, which this engine cannot promise",
    });
  }
  const maxTokens = checkWholeNumber(options.maxTokens, "maxTokens", leastTokens, 0x7fffffff);
  const queueTimeoutMs = checkPositiveNumber(options.queueTimeoutMs, "queueTimeoutMs");
  const request: RequestSettings = {
    sampling: resolveSampling(options, model.sampling),
    maxTokens,
    minTokens: checkWholeNumber(options.minTokens, "minTokens", 0, maxTokens ?? 0x7fffffff) ?? 0,
    stop: reading("stop", () => checkStop(options.stop)),
    stopTokens:
      options.stopTokens === undefined
        ? model.vocabulary.stopTokens
        : [
            ...model.vocabulary.stopTokens,
            ...checkTokens(options.stopTokens, "stopTokens", model.engine.info.vocabularySize),
          ],
    ...resolveLogProbabilities(options, model),
    cacheScope: options.cacheScope === undefined ? "" : checkText(options.cacheScope, "cacheScope"),
    adapters: model.adapters.resolve(options.adapter),
    priority: checkWholeNumber(options.priority, "priority", -100, 100) ?? 0,
    queueTimeoutMs: queueTimeoutMs && Math.min(queueTimeoutMs, longestWaitMs),
    deterministic,
  };
  return { request, keepPrefix: checkBoolean(options.keepPrefix, "keepPrefix") };
}

function resolveLogProbabilities(
  options: GenerationOptions & Pick<CompleteOptions, "promptLogProbabilities">,
  model: LoadedModel,
) {
  const logProbabilities = checkBoolean(options.logProbabilities, "logProbabilities") ?? false;
  const promptLogProbabilities = checkBoolean(options.promptLogProbabilities, "promptLogProbabilities") ?? false;
  const topLogProbabilities = checkWholeNumber(options.topLogProbabilities, "topLogProbabilities", 0, 20) ?? 0;
  if (!logProbabilities && !promptLogProbabilities) {
    if (topLogProbabilities > 0)
      throw new CaduceusError(
        "INVALID_ARGUMENT",
        "topLogProbabilities needs logProbabilities: true or promptLogProbabilities: true.",
        { param: "topLogProbabilities" },
      );
  } else if (!model.engine.capabilities.logProbabilities) {
    throw new CaduceusError(
      "INVALID_ARGUMENT",
      `${logProbabilities ? "logProbabilities" : "promptLogProbabilities"} cannot be used: this engine does not compute them.`,
      { param: logProbabilities ? "logProbabilities" : "promptLogProbabilities" },
    );
  }
  return { logProbabilities, promptLogProbabilities, topLogProbabilities };
}

function checkStop(value: unknown): string[] {
  if (value === undefined) return [];
  if (typeof value !== "string" && !Array.isArray(value))
    throw invalidArgument("a string or an array of strings", "stop", value);
  // `flat` passes over the holes of a sparse array.
  return Array.from(typeof value === "string" ? [value] : (value as unknown[]), (text, index) => {
    const name = typeof value === "string" ? "stop" : `stop[${index}]`;
    if (text === "") throw invalidArgument("text that is not empty", name, text);
    return checkText(text, name);
  });
}

/** The signal of options that have not been checked yet. */
export function signalsOf({ options: { signal } }: GivenOptions): AbortSignal[] {
  return isSignal(signal) ? [signal] : [];
}
