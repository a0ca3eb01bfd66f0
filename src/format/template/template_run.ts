// Running a Jinja template that came with a file: bounded in time and in the size of what it builds.
import { createRequire } from "node:module";
import { createContext, Script } from "node:vm";
import { CaduceusError, describeThrown } from "../../errors.js";

/** A parsed template. */
export type Program = { readonly type: "Program" };

/** The part of @huggingface/jinja that is used here; its own declarations do not resolve under Node's module rules. */
interface Jinja {
  readonly Environment: new () => { set(name: string, value: unknown): unknown };
  readonly Interpreter: new (
    environment: object,
  ) => {
    run(program: Program): { value: unknown };
    evaluate(statement: unknown, environment: unknown): { value: unknown };
  };
  readonly parse: (tokens: unknown) => Program;
  readonly tokenize: (source: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }) => unknown;
}

// In what is published it has a file of its own in dist/packages: rolldown.config.mjs.
const require = createRequire(import.meta.url);
let loaded: Jinja | undefined;

/** Loaded for the first template: its 5 ms are no part of importing this library, and a Hermes model never needs it. */
function jinja(): Jinja {
  if (loaded !== undefined) return loaded;
  const { Environment, Interpreter, parse, tokenize } = require("@huggingface/jinja") as Jinja;
  return (loaded = { Environment, Interpreter: bounded(Interpreter), parse, tokenize });
}

/** Longer templates are refused; the longest of the well-known ones has some 35,000 characters. */
const maxTemplateLength = 1_000_000;
const maxItems = 1_000_000;
const maxTextLength = 64_000_000;

/**
 * Every expression's value passes through `evaluate`: what doubles itself in a loop is stopped here, before memory
 * ends.
 */
function bounded(Interpreter: Jinja["Interpreter"]): Jinja["Interpreter"] {
  return class extends Interpreter {
    override evaluate(statement: unknown, environment: unknown): { value: unknown } {
      const result = super.evaluate(statement, environment);
      const { value } = result;
      if (typeof value === "string" ? value.length > maxTextLength : Array.isArray(value) && value.length > maxItems) {
        throw new Error("it builds more than it may");
      }
      return result;
    }
  };
}

// A function called from a script of node:vm is stopped when the script's time is over, whatever it is doing. One
// context serves all: it holds nothing but the function of the moment.
const sandbox: { run: () => void } = { run: () => {} };
let script: { readonly code: Script; readonly context: object } | undefined;

/**
 * Calls `action` and stops it after `timeoutMs`. Synchronous, so the event loop stands still for as long; measured cost
 * 0.2 ms a call.
 */
function withTimeLimit<T>(timeoutMs: number, action: () => T): T {
  script ??= { code: new Script("run()"), context: createContext(sandbox) };
  let result: { readonly value: T } | undefined;
  sandbox.run = () => {
    result = { value: action() };
  };
  try {
    script.code.runInContext(script.context, { timeout: timeoutMs });
  } finally {
    sandbox.run = () => {};
  }
  return (result as unknown as { readonly value: T }).value;
}

/** Parses a template. Throws `TEMPLATE_FAILED` with what is wrong with it. */
export function parseTemplate(source: string, timeoutMs: number): Program {
  if (source.length > maxTemplateLength)
    throw failed(`it has ${source.length} characters, more than ${maxTemplateLength}`);
  const { parse, tokenize } = jinja();
  try {
    return withTimeLimit(timeoutMs, () => parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })));
  } catch (error) {
    throw explain(error, timeoutMs);
  }
}

/** Renders a parsed template. Throws `TEMPLATE_FAILED` with the template's own message where it raises one. */
export function runTemplate(program: Program, variables: Readonly<Record<string, unknown>>, timeoutMs: number): string {
  const { Environment, Interpreter } = jinja();
  try {
    return withTimeLimit(timeoutMs, () => {
      const environment = new Environment();
      for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
      return String(new Interpreter(environment).run(program).value);
    });
  } catch (error) {
    throw explain(error, timeoutMs);
  }
}

/** The globals of transformers' templates. */
const globals = {
  false: false,
  true: true,
  none: null,
  False: false,
  True: true,
  None: null,
  raise_exception(message: unknown): never {
    throw new Error(String(message));
  },
  range(start: number, stop?: number, step = 1): number[] {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    const count = Math.max(0, Math.ceil((to - from) / step));
    if (!(count <= maxItems)) throw new Error(`range() of more than ${maxItems} numbers`);
    return Array.from({ length: count }, (_, index) => from + index * step);
  },
  /** As Python's `strftime`, for the fields that chat templates use. */
  strftime_now(format: string): string {
    const now = new Date();
    const two = (value: number) => String(value).padStart(2, "0");
    const name = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en", options).format(now);
    const fields: Record<string, () => string> = {
      Y: () => String(now.getFullYear()),
      m: () => two(now.getMonth() + 1),
      d: () => two(now.getDate()),
      H: () => two(now.getHours()),
      M: () => two(now.getMinutes()),
      S: () => two(now.getSeconds()),
      b: () => name({ month: "short" }),
      B: () => name({ month: "long" }),
      a: () => name({ weekday: "short" }),
      A: () => name({ weekday: "long" }),
      "%": () => "%",
    };
    return format.replace(/%(.)/g, (all, field: string) => fields[field]?.() ?? all);
  },
};

function explain(error: unknown, timeoutMs: number): CaduceusError {
  if ((error as { code?: unknown }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT")
    return new TemplateTimeout(timeoutMs, error);
  if (error instanceof RangeError) return failed("it recurs or builds more than it may", error);
  return failed(describeThrown(error), error);
}

/** Its time was over: trying it in another way would only take as long again. */
export class TemplateTimeout extends CaduceusError {
  constructor(timeoutMs: number, cause: unknown) {
    super("TEMPLATE_FAILED", sentenceOf(`it did not end within ${timeoutMs} ms`), { cause });
  }
}

const sentenceOf = (reason: string) => `The model's chat template could not be rendered: ${reason}.`;

function failed(reason: string, cause?: unknown): CaduceusError {
  return new CaduceusError("TEMPLATE_FAILED", sentenceOf(reason), { cause });
}
