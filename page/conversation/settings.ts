// Settings of a conversation: its model, sampling, tools and schema; and the request made from them.
import { modelOf } from "../server/models.js";
import { browserTools, type ToolDefinition } from "../tools/browser_tools.js";
import type { Entry } from "./entry.js";

/** Numbers are as they were typed; an empty one leaves the choice to the model. */
export const samplingFields = [
  { name: "temperature", label: "Temperature", hint: "0 is always the likeliest token", min: 0, max: 2, step: 0.1 },
  { name: "top_p", label: "Top p", hint: "the likeliest candidates up to this share", min: 0, max: 1, step: 0.05 },
  { name: "top_k", label: "Top k", hint: "so many candidates, 0 is all", min: 0, max: 1000, step: 1 },
  { name: "min_p", label: "Min p", hint: "none below this share of the likeliest", min: 0, max: 1, step: 0.01 },
  { name: "repeat_penalty", label: "Repeat penalty", hint: "1 is off", min: 0.01, max: 100, step: 0.05 },
  { name: "max_tokens", label: "Longest answer", hint: "in tokens", min: 1, max: 1_000_000, step: 1 },
  { name: "seed", label: "Seed", hint: "same seed, same answer", min: 0, max: 4_294_967_295, step: 1 },
] as const;

export type SamplingField = (typeof samplingFields)[number]["name"];

const toolChoices = ["auto", "first", "required", "none"] as const;
export type ToolChoice = (typeof toolChoices)[number];

export interface Settings {
  readonly model: string;
  readonly system: string;
  readonly sampling: Readonly<Partial<Record<SamplingField, string>>>;
  /** Names of the chosen browser tools. */
  readonly tools: readonly string[];
  /** Definitions in JSON of tools whose results the user types. */
  readonly ownTools: string;
  /** `first`: required, until there is an answer. */
  readonly toolChoice: ToolChoice;
  readonly isJson: boolean;
  readonly schema: string;
}

export const exampleSchema = `{
  "type": "object",
  "properties": {
    "name": { "type": "string" },
    "age": { "type": "integer" },
    "city": { "type": "string" }
  },
  "required": ["name", "age", "city"]
}`;

export const newSettings = (): Settings => ({
  model: "",
  system: "",
  sampling: {},
  tools: [],
  ownTools: "",
  toolChoice: "auto",
  isJson: false,
  schema: exampleSchema,
});

/** Settings of the next conversation: without the schema and the required calls of this one. */
export const nextSettings = (settings: Settings): Settings => ({
  ...settings,
  toolChoice: settings.toolChoice === "none" ? "none" : "auto",
  isJson: false,
  schema: exampleSchema,
});

/** Reads a stored value of unknown shape. */
export function readSettings(value: unknown): Settings {
  const { model, system, sampling, tools, ownTools, toolChoice, isJson, schema } = (value ?? {}) as Record<
    string,
    unknown
  >;
  const fallback = newSettings();
  const text = (given: unknown, other: string) => (typeof given === "string" ? given : other);
  const numbers = samplingFields.flatMap(({ name }) => {
    const given = (sampling as Record<string, unknown> | undefined)?.[name];
    return typeof given === "string" ? [[name, given] as const] : [];
  });
  return {
    model: text(model, ""),
    system: text(system, ""),
    sampling: Object.fromEntries(numbers),
    tools: Array.isArray(tools) ? browserTools.map(({ name }) => name).filter((name) => tools.includes(name)) : [],
    ownTools: text(ownTools, ""),
    toolChoice: toolChoices.find((known) => known === toolChoice) ?? "auto",
    isJson: isJson === true,
    schema: text(schema, fallback.schema),
  };
}

/** An error in the settings that the user has to correct. */
export class SettingsProblem extends Error {}

/** Each as `{ name, description, parameters }`, or in OpenAI's form around it; one alone needs no brackets. */
export function readOwnTools(text: string): ToolDefinition[] {
  if (text.trim() === "") return [];
  const given = parse(text, "Your own tools");
  return (Array.isArray(given) ? given : [given]).map((one: unknown) => {
    const { type, function: inner } = (one ?? {}) as Record<string, unknown>;
    const definition = (type === "function" ? inner : one) as Partial<ToolDefinition> | null;
    if (typeof definition?.name !== "string") throw new SettingsProblem("Each of your own tools needs a name.");
    if (browserTools.some(({ name }) => name === definition.name))
      throw new SettingsProblem(`${definition.name} is one of the page's own tools. Name yours otherwise.`);
    return definition as ToolDefinition;
  });
}

export function readSchema(text: string): object {
  const schema = parse(text, "The schema");
  if (typeof schema === "object" && schema !== null && !Array.isArray(schema)) return schema;
  throw new SettingsProblem("The schema has to be an object.");
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new SettingsProblem(`${what} cannot be read as JSON: ${(error as Error).message}`);
  }
}

/**
 * The body of a chat completion. `mayForce`: the round is the one that the tool choice is about; later ones may answer.
 */
export function requestBody(settings: Settings, path: readonly Entry[], mayForce = true): object {
  const { system, sampling, isJson, schema, toolChoice } = settings;
  const chosen = browserTools
    .filter(({ name }) => settings.tools.includes(name))
    .map(({ name, description, parameters }) => ({ name, description, parameters }));
  const tools = [...chosen, ...readOwnTools(settings.ownTools)].map((tool) => ({ type: "function", function: tool }));
  const numbers = Object.entries(sampling)
    .filter(([, text]) => text.trim() !== "")
    .map(([name, text]) => [name, Number(text)] as const);
  return {
    model: modelOf(settings),
    messages: [...(system.trim() === "" ? [] : [{ role: "system", content: system }]), ...path.flatMap(toMessages)],
    ...Object.fromEntries(numbers),
    ...(tools.length === 0 ? {} : { tools, ...choiceFor(toolChoice, path, mayForce) }),
    ...(isJson
      ? { response_format: { type: "json_schema", json_schema: { name: "answer", schema: readSchema(schema) } } }
      : {}),
  };
}

function choiceFor(choice: ToolChoice, path: readonly Entry[], mayForce: boolean) {
  if (choice === "none" || choice === "auto") return { tool_choice: choice };
  if (!mayForce) return { tool_choice: "auto" };
  if (choice === "required") return { tool_choice: "required" };
  // Small models do not know when to end.
  return path.every(({ role }) => role === "user")
    ? { tool_choice: "required", parallel_tool_calls: false }
    : { tool_choice: "auto" };
}

function toMessages(entry: Entry): object[] {
  if (entry.role === "user") return [{ role: "user", content: entry.text }];
  // Those that were cut off were never made.
  const whole = entry.calls.filter(({ argumentsText }) => isJson(argumentsText));
  if (entry.text === "" && whole.length === 0) return [];
  const calls = whole.map(({ id, name, argumentsText }) => ({
    id,
    type: "function",
    function: { name, arguments: argumentsText },
  }));
  const results = whole.map(({ id, state, result }) => ({
    role: "tool",
    tool_call_id: id,
    content: state === "done" ? result : "It was stopped before it gave a result.",
  }));
  const message = {
    role: "assistant",
    content: entry.text,
    ...(entry.reasoning === "" ? {} : { reasoning_content: entry.reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return [message, ...results];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
