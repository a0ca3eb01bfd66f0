// Whether a text has a pattern in it. Patterns of schemas come from strangers, and JavaScript's own engine goes back and tries
// again, for some of them without end. Here all states are followed at once, every step is counted, and looking ahead or
// behind costs what it reads. No dependency does this: RE2 knows no lookaround, and llguidance's engine is not there where
// only calls are read (caduceus/hermes).
import { runInNewContext } from "node:vm";
import { patternProgram, UnsupportedPattern, type Program } from "./pattern_program.js";
import { BudgetSpent, type WorkBudget } from "./work_budget.js";

/** A pattern ready to be looked for, which costs something too. @throws what the budget throws, and BudgetSpent where it could not be told in time */
export type PatternTest = (text: string, budget: WorkBudget) => boolean;

export function patternTest(expression: RegExp, budget: WorkBudget): PatternTest {
  budget.spend(4 * expression.source.length);
  let program: Program;
  try {
    program = patternProgram(expression);
    budget.spend(4 * program.code.length);
  } catch (error) {
    if (error instanceof UnsupportedPattern) return (text, budget) => testWithDeadline(expression, text, budget);
    throw error;
  }
  return (text, budget) => new Run(program, text, budget).search();
}

/** For back-references, which no engine finds in bounded time, and for what is too large. */
const deadlineMs = 20;
/** Such a time is charged as the steps that it would have been good for: what takes a whole deadline has spent a check's budget. */
const stepsPerMs = 100_000;

/**
 * By JavaScript's engine, which is stopped when the time is over. It holds the event loop up for so long, which is why only
 * patterns come here that have no other way: a worker would cost as much to start, and checks that are made while a call is
 * read cannot wait.
 */
function testWithDeadline(expression: RegExp, text: string, budget: WorkBudget): boolean {
  const begun = performance.now();
  try {
    return runInNewContext("expression.test(text)", { expression, text }, { timeout: deadlineMs }) as boolean;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new BudgetSpent();
  } finally {
    budget.spend(Math.ceil((performance.now() - begun) * stepsPerMs));
  }
}

class Run {
  readonly #program: Program;
  readonly #text: string;
  readonly #budget: WorkBudget;
  /** In which round a state was last entered. */
  readonly #entered: Uint32Array;
  #round = 1;

  constructor(program: Program, text: string, budget: WorkBudget) {
    this.#program = program;
    this.#text = text;
    this.#budget = budget;
    this.#entered = new Uint32Array(program.code.length);
    budget.spend(program.code.length >> 3);
  }

  /** Anywhere in the text. */
  search(): boolean {
    return this.#follow(0, 1, false);
  }

  /** From one place on, forward or backward. */
  #follow(start: number, direction: 1 | -1, isAnchored: boolean): boolean {
    const { code } = this.#program;
    const atStartOnly = code[0]?.op === "edge" && code[0].edge === "start";
    let states: number[] = [];
    for (let at = start; ;) {
      const isOpen = !(isAnchored || (atStartOnly && direction === 1)) || at === start;
      if (isOpen && this.#enter(0, at, states)) return true;
      if (states.length === 0 && !isOpen) return false;
      const character = this.#character(at, direction);
      if (character === undefined) return false;
      this.#budget.spend(states.length + 1);
      this.#round++;
      at += direction * (character > 0xffff ? 2 : 1);
      const next: number[] = [];
      for (const state of states) {
        const instruction = code[state]!;
        if (instruction.op === "character" && instruction.matches(character) && this.#enter(state + 1, at, next)) return true;
      }
      states = next;
    }
  }

  /** Adds a state, or those that it leads to without a character; true at the end of the program. */
  #enter(state: number, at: number, states: number[]): boolean {
    const waiting = [state];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.#entered[next] === this.#round) continue;
      this.#entered[next] = this.#round;
      this.#budget.spend();
      const instruction = this.#program.code[next]!;
      switch (instruction.op) {
        case "match": return true;
        case "character": states.push(next); break;
        case "jump": waiting.push(instruction.to); break;
        case "split": waiting.push(instruction.second, instruction.first); break;
        case "edge": if (this.#isEdge(instruction.edge, at)) waiting.push(next + 1); break;
        case "look": {
          const found = new Run(instruction.program, this.#text, this.#budget).#follow(at, instruction.behind ? -1 : 1, true);
          if (found !== instruction.negative) waiting.push(next + 1);
        }
      }
    }
    return false;
  }

  #isEdge(edge: "start" | "end" | "word" | "notWord", at: number): boolean {
    if (edge === "start") return at === 0;
    if (edge === "end") return at === this.#text.length;
    return (isWord(this.#text.charCodeAt(at - 1)) !== isWord(this.#text.charCodeAt(at))) === (edge === "word");
  }

  #character(at: number, direction: 1 | -1): number | undefined {
    if (direction === 1) {
      if (at >= this.#text.length) return undefined;
      return this.#program.isUnicode ? this.#text.codePointAt(at) : this.#text.charCodeAt(at);
    }
    if (at <= 0) return undefined;
    const last = this.#text.charCodeAt(at - 1);
    const isPair = this.#program.isUnicode && at > 1 && last >= 0xdc00 && last <= 0xdfff;
    const whole = isPair ? this.#text.codePointAt(at - 2)! : last;
    return whole > 0xffff ? whole : last;
  }
}

/** With the flags i and u a few letters beyond ASCII are words too, which nobody's schema asks for. */
function isWord(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
}
