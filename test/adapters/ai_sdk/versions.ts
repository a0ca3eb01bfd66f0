// The oldest version of `ai` that is supported, the newest of its generation, and the newest of the next.
import * as current from "ai";
import * as oldest from "ai-6-oldest";
import * as next from "ai-7";

export type Ai = typeof current;

// They differ in types that the tests do not look at; test/types does.
export const versions: readonly (readonly [version: string, ai: Ai])[] = [
  ["6.0.0", oldest as unknown as Ai],
  ["6", current],
  ["7", next as unknown as Ai],
];

// The SDK writes what it warns of to the console.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
