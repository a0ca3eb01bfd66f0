// A budget of work for one input. Counted in steps and not by the clock, so that the same input always has the same
// outcome.
import { CaduceusError } from "../errors.js";

/** Ends a check whose budget is spent. */
export class BudgetSpent extends Error {}

export class WorkBudget {
  readonly #exhausted: () => Error;
  readonly #slice: number;
  #left: number;
  #leftAtTurn: number;

  constructor(steps: number, exhausted: () => Error = () => new BudgetSpent()) {
    this.#left = this.#leftAtTurn = steps;
    this.#slice = steps / 10;
    this.#exhausted = exhausted;
  }

  get left(): number {
    return this.#left;
  }

  /** @throws what the budget was made with, once more is asked for than is left */
  spend(steps = 1): void {
    this.#left -= steps;
    if (this.#left < 0) throw this.#exhausted();
  }

  /** Whether a tenth of the budget was spent since this last returned true: time to yield to other work. */
  isTurn(): boolean {
    if (this.#leftAtTurn - this.#left < this.#slice) return false;
    this.#leftAtTurn = this.#left;
    return true;
  }
}

/**
 * Steps for determining what of one schema can be enforced: 5,000 properties take some 60,000, and a step up to half a
 * microsecond, without yielding.
 */
const readingSteps = 100_000;
/**
 * Steps of checking one value, its patterns included: a few nanoseconds each in a pattern, 20 steps for each schema
 * that a value meets.
 */
export const checkingSteps = 700_000;

/** Budget for reading the schema of that name: comparisons, references and combinations of alternatives. */
export function readingBudget(name: string): WorkBudget {
  return new WorkBudget(readingSteps, () => tooComplex(name));
}

export function tooComplex(name: string, options?: ErrorOptions): CaduceusError {
  return new CaduceusError(
    "CONSTRAINT_TOO_COMPLEX",
    `Reading ${name} takes more work than a schema may: it has too many references, alternatives or patterns that have to be compared.`,
    { ...options, param: name, remedy: "Simplify it." },
  );
}

/**
 * Values in all schemas that one request defines; each tool counts as 50 more. Enough for 500 tools of 40 values each,
 * or for one schema of the maximum size.
 */
const requestValues = 50_000;
export const valuesOfTool = 50;

/** Budget for all tools and the schema of one request. Tools made by `tool()` have been read before. */
export function requestBudget(): WorkBudget {
  return new WorkBudget(
    requestValues,
    () =>
      new CaduceusError(
        "CONSTRAINT_TOO_COMPLEX",
        `The tools and schemas of the request are too large: they may have ${requestValues} values together, each tool counting as ${valuesOfTool} of its own.`,
        { remedy: "Give fewer or smaller ones." },
      ),
  );
}
