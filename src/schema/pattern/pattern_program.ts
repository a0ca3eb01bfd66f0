// Compiles a JavaScript regular expression to a program whose states can all be followed at once (pattern_matcher.ts),
// in time proportional to the text. It has no captures; pattern_backtracker.ts handles back-references.
import { patternTree, type Tree } from "./pattern_tree.js";
import type { WorkBudget } from "../work_budget.js";

export type Instruction =
  | { readonly op: "character"; readonly matches: (code: number) => boolean }
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "edge"; readonly edge: "start" | "end" | "word" | "notWord" }
  | { readonly op: "look"; readonly program: Program; readonly behind: boolean; readonly negative: boolean }
  | { readonly op: "match" };

export interface Program {
  readonly code: readonly Instruction[];
  /** Characters are code points instead of UTF-16 units. */
  readonly isUnicode: boolean;
}

/** Maximum number of instructions; counted repetitions are written out. */
const longestProgram = 50_000;
/**
 * Undefined if the pattern has back-references, or is too large with its repetitions written out.
 * @throws UnsupportedPattern
 */
export function patternProgram(expression: RegExp, budget: WorkBudget): Program | undefined {
  const tree = patternTree(expression);
  try {
    return { code: new Compiler(expression.unicode, budget).program(tree, false), isUnicode: expression.unicode };
  } catch (error) {
    if (error instanceof NoProgram) return undefined;
    throw error;
  }
}

class NoProgram extends Error {}

class Compiler {
  readonly #isUnicode: boolean;
  readonly #budget: WorkBudget;
  #written = 0;

  constructor(isUnicode: boolean, budget: WorkBudget) {
    this.#isUnicode = isUnicode;
    this.#budget = budget;
  }

  /** `backward`: the text is read from its end, as lookbehind needs. */
  program(tree: Tree, backward: boolean): Instruction[] {
    const code: Instruction[] = [];
    this.#write(tree, backward, code);
    this.#push(code, { op: "match" });
    return code;
  }

  #write(tree: Tree, backward: boolean, code: Instruction[]): void {
    // Counted for empty items too: they write no instruction, and may be repeated a billion times.
    this.#budget.spend(1);
    switch (tree.kind) {
      case "characters":
        return void this.#push(code, { op: "character", matches: tree.matches });
      case "group":
        return this.#write(tree.inner, backward, code);
      case "reference":
        throw new NoProgram();
      case "edge":
        return void this.#push(code, { op: "edge", edge: tree.edge });
      case "look":
        this.#push(code, {
          op: "look",
          program: { code: this.program(tree.inner, tree.behind), isUnicode: this.#isUnicode },
          behind: tree.behind,
          negative: tree.negative,
        });
        return;
      case "sequence":
        for (let index = 0; index < tree.items.length; index++)
          this.#write(tree.items[backward ? tree.items.length - 1 - index : index]!, backward, code);
        return;
      case "choice":
        return this.#choice(tree.branches, backward, code);
      case "repeat":
        return this.#repeat(tree.item, tree.least, tree.most, backward, code);
    }
  }

  #choice(branches: readonly Tree[], backward: boolean, code: Instruction[]): void {
    const ends: Extract<Instruction, { op: "jump" }>[] = [];
    branches.forEach((branch, index) => {
      const split =
        index < branches.length - 1 ? this.#push(code, { op: "split", first: code.length + 1, second: 0 }) : undefined;
      this.#write(branch, backward, code);
      if (split === undefined) return;
      ends.push(this.#push(code, { op: "jump", to: 0 }));
      split.second = code.length;
    });
    for (const end of ends) end.to = code.length;
  }

  #repeat(item: Tree, least: number, most: number, backward: boolean, code: Instruction[]): void {
    const copies = most === Infinity ? Math.max(0, least - 1) : least;
    for (let count = 0; count < copies; count++) {
      const before = code.length;
      this.#write(item, backward, code);
      if (code.length === before) break;
    }
    if (most === Infinity) {
      const skip = least === 0 ? this.#push(code, { op: "split", first: code.length + 1, second: 0 }) : undefined;
      const start = code.length;
      this.#write(item, backward, code);
      this.#push(code, { op: "split", first: start, second: code.length + 1 });
      if (skip !== undefined) skip.second = code.length;
      return;
    }
    const skips: Extract<Instruction, { op: "split" }>[] = [];
    for (let count = least; count < most; count++) {
      skips.push(this.#push(code, { op: "split", first: code.length + 1, second: 0 }));
      this.#write(item, backward, code);
    }
    for (const skip of skips) skip.second = code.length;
  }

  #push<I extends Instruction>(code: Instruction[], instruction: I): I {
    this.#budget.spend(4);
    if (++this.#written > longestProgram) throw new NoProgram();
    code.push(instruction);
    return instruction;
  }
}
