// Tools that run in the browser and have no side effects.
import { calculate } from "./calculate.js";

/** A tool as a request describes it. */
export interface ToolDefinition {
  readonly name: string;
  readonly description?: unknown;
  readonly parameters?: unknown;
}

export interface BrowserTool extends ToolDefinition {
  readonly label: string;
  readonly description: string;
  readonly parameters: object;
  /** Throws errors whose message the model is given. */
  readonly execute: (values: Record<string, unknown>) => unknown;
}

export const browserTools: readonly BrowserTool[] = [
  {
    name: "calculate",
    label: "Arithmetic",
    description: "Calculates an arithmetic expression such as (17 + 25) * 2 ^ 0.5",
    // Small models put all sorts of things into free text, and do not know when to end.
    parameters: {
      type: "object",
      properties: { expression: { type: "string", pattern: "^[-+*/%^().0-9a-z ]{1,40}$" } },
      required: ["expression"],
      additionalProperties: false,
    },
    execute: ({ expression }) => calculate(String(expression)),
  },
  {
    name: "current_time",
    label: "Date and time",
    description: "The date and time now, in a time zone such as Europe/Paris or UTC",
    parameters: {
      type: "object",
      properties: { time_zone: { type: "string", maxLength: 40 } },
      additionalProperties: false,
    },
    execute: ({ time_zone: timeZone }) => {
      const options = {
        dateStyle: "full",
        timeStyle: "long",
        ...(typeof timeZone === "string" && timeZone !== "" ? { timeZone } : {}),
      } as const;
      return new Intl.DateTimeFormat("en-GB", options).format(new Date());
    },
  },
  {
    name: "random_number",
    label: "Random number",
    description: "A random whole number between two, both included",
    parameters: {
      type: "object",
      properties: { minimum: { type: "integer" }, maximum: { type: "integer" } },
      required: ["minimum", "maximum"],
      additionalProperties: false,
    },
    execute: ({ minimum, maximum }) => {
      const [low, high] = [Number(minimum), Number(maximum)];
      if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low > high)
        throw new Error("minimum and maximum must be whole numbers, the smaller first.");
      return low + Math.floor(Math.random() * (high - low + 1));
    },
  },
];
