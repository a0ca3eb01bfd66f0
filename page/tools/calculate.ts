// Arithmetic as people write it: + - * / % ^, brackets, and some functions.

const functions: Readonly<Record<string, (value: number) => number>> = {
  sqrt: Math.sqrt,
  abs: Math.abs,
  round: Math.round,
  floor: Math.floor,
  ceil: Math.ceil,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  ln: Math.log,
  log: Math.log10,
  exp: Math.exp,
};
const constants: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };
const longest = 1000;

/** @throws Error what the model is told */
export function calculate(expression: string): number {
  if (expression.length > longest) throw new Error(`The expression is longer than ${longest} characters.`);
  const value = new Reader(expression).whole();
  if (!Number.isFinite(value)) throw new Error("The result is not a finite number.");
  return value;
}

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(expression: string) {
    // Recursion is bounded by the length of the expression, which the stack can hold.
    this.#tokens =
      expression
        .replaceAll("×", "*")
        .replaceAll("÷", "/")
        .replaceAll("−", "-")
        .replaceAll("**", "^")
        .match(/\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|[a-zA-Z]+|\S/g) ?? [];
  }

  whole(): number {
    const value = this.#sum();
    if (this.#at < this.#tokens.length)
      throw new Error(`There is an unexpected ${this.#tokens[this.#at]} in the expression.`);
    return value;
  }

  #sum(): number {
    let value = this.#product();
    for (let sign; (sign = this.#take("+", "-")) !== undefined; )
      value += sign === "+" ? this.#product() : -this.#product();
    return value;
  }

  #product(): number {
    let value = this.#signed();
    for (let sign; (sign = this.#take("*", "/", "%")) !== undefined; ) {
      const other = this.#signed();
      value = sign === "*" ? value * other : sign === "/" ? value / other : value % other;
    }
    return value;
  }

  #signed(): number {
    const sign = this.#take("-", "+");
    if (sign !== undefined) return sign === "-" ? -this.#signed() : this.#signed();
    const base = this.#single();
    return this.#take("^") === undefined ? base : base ** this.#signed();
  }

  #single(): number {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error("The expression ends too early.");
    if (token === "(") {
      const value = this.#sum();
      if (this.#take(")") === undefined) throw new Error("A bracket is not closed.");
      return value;
    }
    const name = token.toLowerCase();
    if (Object.hasOwn(functions, name)) return functions[name]!(this.#single());
    if (Object.hasOwn(constants, name)) return constants[name]!;
    const number = Number(token);
    if (Number.isNaN(number)) throw new Error(`${token} is not a number.`);
    return number;
  }

  #take(...signs: readonly string[]): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || !signs.includes(token)) return undefined;
    this.#at++;
    return token;
  }
}
