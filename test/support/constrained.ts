// Runs of the addon's engine with a constraint and nothing above it, for tests.
import { createAddonEngine } from "../../src/engine/addon/addon_engine.js";
import { builtInDefaults } from "../../src/model/loading/sampling.js";
import type { Constraint, Engine, EngineSampling, PromptPart, RunEnd, RunRequest } from "../../src/engine/engine.js";

export function openEngine(
  path: string,
  options: { contextSize?: number; cacheTokens?: number } = {},
): Promise<Engine> {
  return createAddonEngine({ path, contextSize: 1024, kvType: "f16", gpuLayers: 0, prefixFolderBytes: 0, ...options });
}

export const greedy: EngineSampling = {
  ...builtInDefaults,
  temperature: 0,
  logitBias: [],
};

export const userTurn = (text: string): PromptPart[] => [
  { control: "<|im_start|>" },
  { text: `user\n${text}` },
  { control: "<|im_end|>" },
  { text: "\n" },
  { control: "<|im_start|>" },
  { text: "assistant\n" },
];

export interface Written {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly end: RunEnd;
}

/** The whole output of one run; rejects as the run does. */
export async function write(
  engine: Engine,
  constraint: Constraint | undefined,
  more: Partial<RunRequest> = {},
): Promise<Written> {
  const run = engine.submit({
    prompt: userTurn("Hello"),
    sampling: greedy,
    maxTokens: 200,
    stop: [],
    stopTokens: [],
    logProbabilities: false,
    cacheScope: "",
    priority: 0,
    deterministic: false,
    constraint,
    ...more,
  });
  try {
    let text = "";
    const tokens: number[] = [];
    for (let part = await run.next(); part; part = await run.next()) {
      if (part.type === "end") return { text, tokens, end: part };
      if (part.type === "prompt") continue;
      text += part.text;
      tokens.push(...part.tokens);
    }
    throw new Error("The run gave no end.");
  } finally {
    run.release();
  }
}
