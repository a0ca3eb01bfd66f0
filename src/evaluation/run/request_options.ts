// The settings of an evaluation, and the options of the library that they stand for.
import { createHash } from "node:crypto";
import type { Model, ReplyOptions } from "../../index.js";
import type { Sample } from "../sample.js";

export type CallOrder = "name-first" | "arguments-first" | "either";

/** Undefined leaves a choice to the library's default. */
export interface AskSettings {
  readonly maxTokens: number;
  readonly temperature: number;
  /** Each sample's own seed follows from this and its key, whatever else is asked. */
  readonly seed: number;
  /** Identical answers in each run; replies are computed one after the other. */
  readonly deterministic?: boolean | undefined;
  /** Whether calls and JSON are enforced; false: only checked afterwards. */
  readonly constrained?: boolean | undefined;
  readonly toolChoice?: "auto" | "none" | "required" | undefined;
  /** Order of the keys of a call. */
  readonly callOrder?: CallOrder | undefined;
  /** Properties that a schema does not declare, where it says nothing of them. */
  readonly undeclaredProperties?: "refuse" | "allow" | undefined;
  /** Several calls in one reply. */
  readonly parallelCalls?: boolean | undefined;
  /** What becomes of calls without their tags. */
  readonly untaggedCalls?: "accept" | "rewrite" | "off" | undefined;
  /** Whether the system message asks for one call for each thing wanted. */
  readonly parallelHint?: boolean | undefined;
  readonly promptVariant?: ReplyOptions["promptVariant"];
}

/** Options of the library that engines without constraints refuse. */
interface ConstraintOptions {
  readonly constrained?: boolean;
  readonly callOrder?: CallOrder;
  readonly undeclaredProperties?: "refuse" | "allow";
  readonly parallelToolCalls?: boolean;
  readonly parallelHint?: boolean;
  readonly untaggedCalls?: "accept" | "rewrite" | "off";
}

export function askOptions(sample: Sample, settings: AskSettings): ReplyOptions {
  const {
    maxTokens,
    temperature,
    seed,
    deterministic,
    constrained,
    toolChoice,
    callOrder,
    undeclaredProperties,
    parallelCalls,
    parallelHint,
    untaggedCalls,
    promptVariant,
  } = settings;
  const hasTools = sample.tools !== undefined;
  const constraint: ConstraintOptions = {
    ...(constrained === undefined ? {} : { constrained }),
    ...(callOrder === undefined || !hasTools ? {} : { callOrder }),
    ...(undeclaredProperties === undefined ? {} : { undeclaredProperties }),
    ...(parallelCalls === undefined || !hasTools ? {} : { parallelToolCalls: parallelCalls }),
    ...(parallelHint === undefined || !hasTools ? {} : { parallelHint }),
    ...(untaggedCalls === undefined || !hasTools ? {} : { untaggedCalls }),
  };
  return {
    maxTokens,
    temperature,
    seed: seedOf(sample, seed),
    ...(deterministic === undefined ? {} : { deterministic }),
    ...(sample.schema === undefined ? {} : { schema: sample.schema }),
    ...(hasTools ? { tools: sample.tools, toolChoice, promptVariant } : {}),
    ...constraint,
  };
}

function seedOf({ key }: Sample, seed: number): number {
  return createHash("sha256").update(`${seed} ${key}`).digest().readUInt32LE(0);
}

/** Whether the output is constrained, so that calls need not be read from its tokens. */
export function isConstrained(model: Model, settings: AskSettings): boolean {
  return model.capabilities.constrained && settings.constrained !== false;
}
