// Matches patterns with back-references. No engine matches those in bounded time, so this one backtracks as
// JavaScript's does, and counts its steps.
import { patternTree, PatternText, type Tree } from "./pattern_tree.js";
import type { WorkBudget } from "../work_budget.js";

/** Start and end of each group's match; index 0 is not used. */
type Captures = readonly (readonly [number, number] | undefined)[];
type Continue = (at: number, captures: Captures) => boolean;

/**
 * @throws UnsupportedPattern; and when it is used what the budget throws, and RangeError where it goes deeper than the
 * stack
 */
export function backtrackingTest(expression: RegExp): (text: string, budget: WorkBudget) => boolean {
  const tree = patternTree(expression);
  return (text, budget) => {
    const looked = new Search(new PatternText(text, expression.unicode), budget);
    for (let at = 0; ; ) {
      if (looked.matches(tree, at, [], 1, () => true)) return true;
      const character = new PatternText(text, expression.unicode).character(at, 1);
      if (character === undefined) return false;
      at += character > 0xffff ? 2 : 1;
    }
  };
}

class Search {
  readonly #text: PatternText;
  readonly #budget: WorkBudget;

  constructor(text: PatternText, budget: WorkBudget) {
    this.#text = text;
    this.#budget = budget;
  }

  matches(tree: Tree, at: number, captures: Captures, direction: 1 | -1, next: Continue): boolean {
    this.#budget.spend(20);
    switch (tree.kind) {
      case "characters": {
        const character = this.#text.character(at, direction);
        return (
          character !== undefined &&
          tree.matches(character) &&
          next(at + direction * (character > 0xffff ? 2 : 1), captures)
        );
      }
      case "edge":
        return this.#text.isEdge(tree.edge, at) && next(at, captures);
      case "sequence":
        return this.#sequence(tree.items, 0, at, captures, direction, next);
      case "choice":
        return tree.branches.some((branch) => this.matches(branch, at, captures, direction, next));
      case "repeat":
        return this.#repeat(tree, 0, at, captures, direction, next);
      case "group":
        return this.matches(tree.inner, at, captures, direction, (end, inner) => {
          this.#budget.spend(Math.max(inner.length, tree.index));
          const own = [...inner];
          own[tree.index] = direction === 1 ? [at, end] : [end, at];
          return next(end, own);
        });
      case "look": {
        let seen: Captures | undefined;
        const found = this.matches(tree.inner, at, captures, tree.behind ? -1 : 1, (_, inner) => {
          seen = inner;
          return true;
        });
        return found !== tree.negative && next(at, tree.negative || seen === undefined ? captures : seen);
      }
      case "reference": {
        this.#budget.spend(tree.indexes.length);
        const [from, to] = tree.indexes.map((index) => captures[index]).find((captured) => captured !== undefined) ?? [
          0, 0,
        ];
        this.#budget.spend(to - from);
        const start = direction === 1 ? at : at - (to - from);
        return (
          start >= 0 &&
          this.#text.text.startsWith(this.#text.text.slice(from, to), start) &&
          next(at + direction * (to - from), captures)
        );
      }
    }
  }

  #sequence(
    items: readonly Tree[],
    index: number,
    at: number,
    captures: Captures,
    direction: 1 | -1,
    next: Continue,
  ): boolean {
    const item = items[direction === 1 ? index : items.length - 1 - index];
    if (item === undefined) return next(at, captures);
    return this.matches(item, at, captures, direction, (end, inner) =>
      this.#sequence(items, index + 1, end, inner, direction, next),
    );
  }

  #repeat(
    tree: Extract<Tree, { kind: "repeat" }>,
    count: number,
    at: number,
    captures: Captures,
    direction: 1 | -1,
    next: Continue,
  ): boolean {
    const {
      item,
      least,
      most,
      isLazy,
      groups: [first, after],
    } = tree;
    const leave = () => count >= least && next(at, captures);
    const again = () => {
      if (count >= most) return false;
      // Each repetition forgets what the one before has captured.
      if (after > first) this.#budget.spend(captures.length);
      const fresh =
        after === first
          ? captures
          : captures.map((captured, index) => (index >= first && index < after ? undefined : captured));
      return this.matches(item, at, fresh, direction, (end, inner) =>
        end === at && count >= least ? false : this.#repeat(tree, count + 1, end, inner, direction, next),
      );
    };
    return isLazy ? leave() || again() : again() || leave();
  }
}
