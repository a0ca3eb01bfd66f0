// Whether a pattern matches somewhere in a text. Patterns come from strangers, and JavaScript's own engine backtracks,
// for some of them without end. Here all states are followed at once, every step is counted, and lookaround costs what
// it reads. No dependency does this: RE2 has no lookaround, and llguidance is not available to caduceus/hermes, which
// only parses replies.
import { BoundedCache } from "../bounded_cache.js";
import { backtrackingTest } from "./pattern_backtracker.js";
import { patternProgram, type Program } from "./pattern_program.js";
import { PatternText, UnsupportedPattern } from "./pattern_tree.js";
import { patternOf } from "../check/schema_forms.js";
import { BudgetSpent, type WorkBudget } from "../work_budget.js";

export type PatternTest = (text: string, budget: WorkBudget) => boolean;

/**
 * A compiled pattern. Compiling and matching both count steps and throw what the budget throws. Matching a pattern that
 * cannot be compiled (inline flags) counts as a spent budget.
 */
export function patternTest(expression: RegExp, budget: WorkBudget): PatternTest {
  // Counts JavaScript's own compilation and the tree.
  budget.spend(100 + 20 * expression.source.length);
  try {
    const program = patternProgram(expression, budget);
    return program === undefined
      ? backtrackingTest(expression)
      : (text, spent) => new Run(program, new PatternText(text, expression.unicode), spent).search();
  } catch (error) {
    if (!(error instanceof UnsupportedPattern)) throw error;
    return () => {
      throw new BudgetSpent();
    };
  }
}

/**
 * Compiled patterns of all schemas. Sizes are the steps of compilation: an instruction counts 5 steps and takes some
 * 80 bytes.
 */
const kept = new BoundedCache<{ readonly test: PatternTest; readonly steps: number }>({
  most: 1_000_000,
  largest: 250_000,
});

/**
 * The pattern of a schema. Its steps are counted even if it is cached, so that the same input always ends the same way.
 */
export function keptPattern(source: string, budget: WorkBudget): PatternTest {
  const known = kept.get(source);
  if (known !== undefined) {
    budget.spend(known.steps);
    return known.test;
  }
  const before = budget.left;
  const test = patternTest(patternOf(source), budget);
  const steps = before - budget.left;
  kept.set(source, { test, steps }, steps);
  return test;
}

class Run {
  readonly #program: Program;
  readonly #text: PatternText;
  readonly #budget: WorkBudget;
  /** The round in which a state was last entered. */
  readonly #entered: Uint32Array;
  #round = 1;

  constructor(program: Program, text: PatternText, budget: WorkBudget) {
    this.#program = program;
    this.#text = text;
    this.#budget = budget;
    this.#entered = new Uint32Array(program.code.length);
    budget.spend(program.code.length >> 3);
  }

  /** Whether it matches anywhere in the text. */
  search(): boolean {
    return this.#follow(0, 1, false);
  }

  /** Whether it matches from one place on, forward or backward. */
  #follow(start: number, direction: 1 | -1, isAnchored: boolean): boolean {
    const { code } = this.#program;
    const atStartOnly = code[0]?.op === "edge" && code[0].edge === "start";
    let states: number[] = [];
    for (let at = start; ; ) {
      const isOpen = !(isAnchored || (atStartOnly && direction === 1)) || at === start;
      if (isOpen && this.#enter(0, at, states)) return true;
      if (states.length === 0 && !isOpen) return false;
      const character = this.#text.character(at, direction);
      if (character === undefined) return false;
      this.#budget.spend(states.length + 1);
      this.#round++;
      at += direction * (character > 0xffff ? 2 : 1);
      const next: number[] = [];
      for (const state of states) {
        const instruction = code[state]!;
        if (instruction.op === "character" && instruction.matches(character) && this.#enter(state + 1, at, next))
          return true;
      }
      states = next;
    }
  }

  /** Adds a state, or the states that it reaches without reading; true at the end of the program. */
  #enter(state: number, at: number, states: number[]): boolean {
    const waiting = [state];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.#entered[next] === this.#round) continue;
      this.#entered[next] = this.#round;
      this.#budget.spend();
      const instruction = this.#program.code[next]!;
      switch (instruction.op) {
        case "match":
          return true;
        case "character":
          states.push(next);
          break;
        case "jump":
          waiting.push(instruction.to);
          break;
        case "split":
          waiting.push(instruction.second, instruction.first);
          break;
        case "edge":
          if (this.#text.isEdge(instruction.edge, at)) waiting.push(next + 1);
          break;
        case "look": {
          const found = new Run(instruction.program, this.#text, this.#budget).#follow(
            at,
            instruction.behind ? -1 : 1,
            true,
          );
          if (found !== instruction.negative) waiting.push(next + 1);
        }
      }
    }
    return false;
  }
}
