// Runs a program that prints how much memory it used, and when.
import { expect } from "vitest";
import { program, run } from "./run_program.js";

export interface Measurement {
  /** All of the process but V8's heap. */
  readonly native: number;
  readonly external: number;
  readonly heapUsed: number;
}

/**
 * Everything that a program of this kind prints: what it did how often, and its memory early and later, after
 * collection.
 */
export interface MemoryReport {
  readonly counts: Record<string, number>;
  readonly first: Measurement;
  readonly later: readonly Measurement[];
}

// glibc gives each thread a pool of its own and keeps there what was freed. With one pool, and all but small blocks
// given back at once, the process is nearly as large as what is in use. V8's optimized code, too, comes late and stays.
const settings = ["--expose-gc", "--max-semi-space-size=1", "--no-opt"];
const plainAllocator = { MALLOC_ARENA_MAX: "1", MALLOC_MMAP_THRESHOLD_: "4096", MALLOC_TRIM_THRESHOLD_: "4096" };

export async function measureMemory(
  name: string,
  args: readonly (string | number)[],
  timeoutMs: number,
): Promise<MemoryReport> {
  const { code, signal, stdout, stderr } = await run(
    process.execPath,
    [...settings, program(name), ...args.map(String)],
    { env: plainAllocator, timeoutMs },
  );
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  return JSON.parse(stdout);
}

/** The most that was in use later, as a part of what was in use first. */
export function growth({ first, later }: MemoryReport): Measurement {
  const most = (kind: keyof Measurement) => Math.max(...later.map((one) => one[kind])) / first[kind];
  return { native: most("native"), external: most("external"), heapUsed: most("heapUsed") };
}
