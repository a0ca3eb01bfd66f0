// A request of the engine as another Caduceus sends it (src/engine/remote/dialects/caduceus.ts): everything that the
// engine relies on is checked, since anybody may have written it.
import type { Model } from "../../index.js";
import { Fields, invalid, invalidContent } from "../fields/read_fields.js";
import { readCallFormat } from "./call_format_fields.js";
import { isObject } from "../../json_object.js";

type Engine = Model["engine"];
export type RunRequest = Parameters<Engine["submit"]>[0];
type PromptPart = RunRequest["prompt"][number];
type Sampling = RunRequest["sampling"];
type Constraint = NonNullable<RunRequest["constraint"]>;

const most = 0x7fffffff;
const mostParts = 100_000;
const mostTools = 1_000;
const deepestSchema = 100;

/** `cacheScope`: of the API key. */
export function readRun(body: Fields, cacheScope: string): RunRequest {
  const scope = body.text("cache_scope") ?? "";
  const sampling = body.required("sampling", body.fields);
  return {
    prompt: readParts(body, "prompt"),
    sampling: readSampling(sampling),
    maxTokens: body.wholeNumber("max_tokens", 0, most),
    minTokens: body.wholeNumber("min_tokens", 0, most),
    stop: readTexts(body, "stop", 1_000),
    stopTokens: [...(readTokens(body, "stop_tokens") ?? [])],
    logProbabilities: body.boolean("log_probabilities") ?? false,
    promptLogProbabilities: body.boolean("prompt_log_probabilities"),
    topLogProbabilities: body.wholeNumber("top_log_probabilities", 0, 20),
    cacheScope: scope === "" ? cacheScope : `${cacheScope}\n${scope}`,
    priority: 0,
    queueTimeoutMs: body.number("queue_timeout_ms", 1e-6, 1e12),
    constraint: readConstraint(body.fields("constraint")),
    thought: readThought(body.fields("thought")),
    deterministic: body.boolean("deterministic") ?? false,
  };
}

/** What only the model can tell of a request. */
export function checkTokens({ prompt, sampling, stopTokens }: RunRequest, { info }: Model): void {
  const size = info.vocabularySize;
  const check = (tokens: ArrayLike<number>, place: string) => {
    for (let index = 0; index < tokens.length; index++)
      if (tokens[index]! >= size) throw invalidContent(place, `token ids below ${size}`, String(tokens[index]));
  };
  for (const part of prompt) if ("tokens" in part) check(part.tokens, "prompt");
  check(stopTokens, "stop_tokens");
  check(
    sampling.logitBias.map(([token]) => token).filter((token) => typeof token === "number"),
    "sampling.logitBias",
  );
}

export function readParts(body: Fields, name: string): PromptPart[] {
  const list = body.required(name, body.list);
  if (list.length > mostParts) throw invalidContent(name, `at most ${mostParts} parts`, `${list.length} parts`);
  return list.map((value, index): PromptPart => {
    const part = new Fields(value, `${name}[${index}]`);
    const text = part.text("text");
    if (text !== undefined) return { text: wellFormed(text, part.path("text")) };
    const control = part.text("control");
    if (control !== undefined) return { control: wellFormed(control, part.path("control")) };
    return { tokens: part.required("tokens", (token) => readTokens(part, token)) };
  });
}

export function readTokens(fields: Fields, name: string): Int32Array | undefined {
  const list = fields.list(name);
  if (list === undefined) return undefined;
  if (!list.every((token) => Number.isInteger(token) && (token as number) >= 0 && (token as number) <= most))
    throw invalid(fields.path(name), "an array of token ids", list);
  return Int32Array.from(list as number[]);
}

function readTexts(fields: Fields, name: string, mostTexts: number): string[] {
  const list = fields.list(name) ?? [];
  if (list.length > mostTexts || !list.every((text) => typeof text === "string" && text !== ""))
    throw invalid(fields.path(name), `an array of at most ${mostTexts} texts that are not empty`, list);
  return list.map((text) => wellFormed(text as string, fields.path(name)));
}

function wellFormed(text: string, place: string): string {
  if (/\p{Surrogate}/u.test(text)) throw invalidContent(place, "well-formed text", "a lone surrogate");
  return text;
}

const numbers = {
  temperature: [0, 1e9],
  topP: [0, 1],
  minP: [0, 1],
  repeatPenalty: [1e-9, 1e9],
  frequencyPenalty: [-1e9, 1e9],
  presencePenalty: [-1e9, 1e9],
  topNSigma: [0, 1_000],
  typicalP: [0, 1],
  xtcProbability: [0, 1],
  xtcThreshold: [0, 1],
  dynatempRange: [0, 100],
  dynatempExponent: [0, 100],
  mirostatTau: [0, 100],
  mirostatEta: [0, 10],
  adaptiveTarget: [-1, 1],
  adaptiveDecay: [0, 0.99],
} as const satisfies Partial<Record<keyof Sampling, readonly [number, number]>>;

const wholeNumbers = {
  topK: [0, most],
  penaltyLastN: [-1, most],
  mirostat: [0, 2],
} as const satisfies Partial<Record<keyof Sampling, readonly [number, number]>>;

type Numbers = Record<keyof typeof numbers | keyof typeof wholeNumbers, number>;

function readSampling(fields: Fields): Sampling {
  const dry = fields.required("dry", fields.fields);
  const read = Object.fromEntries([
    ...Object.entries(numbers).map(([name, [least, most]]) => [
      name,
      fields.required(name, (one) => fields.number(one, least, most)),
    ]),
    ...Object.entries(wholeNumbers).map(([name, [least, most]]) => [
      name,
      fields.required(name, (one) => fields.wholeNumber(one, least, most)),
    ]),
  ]) as Numbers;
  return {
    ...read,
    dry: {
      multiplier: dry.required("multiplier", (name) => dry.number(name, 0, 1_000)),
      base: dry.required("base", (name) => dry.number(name, 1, 1_000)),
      allowedLength: dry.required("allowedLength", (name) => dry.wholeNumber(name, 0, most)),
      lastN: dry.required("lastN", (name) => dry.wholeNumber(name, -1, most)),
      sequenceBreakers: readTexts(dry, "sequenceBreakers", 8).map((text) => {
        if (/^[\x01-\x7f]$/.test(text)) return text;
        throw invalid(dry.path("sequenceBreakers"), "single ASCII characters", text);
      }),
    },
    seed: fields.wholeNumber("seed", 0, 0xffffffff),
    logitBias: (fields.list("logitBias") ?? []).map((pair, index) => readBias(pair, `logitBias[${index}]`)),
  };
}

/** JSON has no infinity: null bans a token. */
function readBias(pair: unknown, place: string): readonly [number | string, number] {
  const [token, bias] = Array.isArray(pair) ? (pair as unknown[]) : [];
  const isToken = Number.isInteger(token) && (token as number) >= 0 && (token as number) <= most;
  const isText = typeof token === "string" && token !== "" && token.length <= 100 && !/\p{Surrogate}/u.test(token);
  if ((!isToken && !isText) || (bias !== null && typeof bias !== "number"))
    throw invalid(place, "a pair of a token id or a short text, and a number or null", pair);
  return [token as number | string, bias === null ? -Infinity : (bias as number)];
}

function readThought(fields: Fields | undefined): RunRequest["thought"] {
  if (fields === undefined) return undefined;
  const tag = (name: string) => wellFormed(fields.required(name, fields.text), fields.path(name));
  const [opening, closing] = [tag("opening"), tag("closing")];
  for (const [name, text] of Object.entries({ opening, closing }))
    if (text === "" || text.trim() !== text)
      throw invalid(fields.path(name), "a tag without white space around it", text);
  return {
    opening,
    closing,
    answer: tag("answer"),
    end: tag("end"),
    open: fields.required("open", fields.boolean),
    maxTokens: fields.wholeNumber("maxTokens", 0, most),
  };
}

function readConstraint(fields: Fields | undefined): Constraint | undefined {
  if (fields === undefined) return undefined;
  const kind = fields.required("kind", (name) => fields.choice(name, ["json", "regex", "lark", "tools"]));
  const text = (name: string, longest: number) => {
    const value = wellFormed(fields.required(name, fields.text), fields.path(name));
    if (value.length > longest)
      throw invalidContent(fields.path(name), `at most ${longest} characters`, `${value.length} characters`);
    return value;
  };
  if (kind === "json") return { kind, schema: readSchema(fields, "schema") };
  if (kind === "regex") return { kind, pattern: text("pattern", 100_000) };
  if (kind === "lark") return { kind, grammar: text("grammar", 400_000) };
  return readTools(fields);
}

function readTools(fields: Fields): Constraint {
  const tools = fields.required("tools", fields.list);
  if (tools.length === 0 || tools.length > mostTools)
    throw invalidContent(fields.path("tools"), `1 to ${mostTools} tools`, String(tools.length));
  const format = fields.fields("format");
  return {
    kind: "tools",
    ...(format === undefined ? {} : { format: readCallFormat(format) }),
    tools: tools.map((value, index) => {
      const tool = new Fields(value, `${fields.path("tools")}[${index}]`);
      const name = wellFormed(tool.required("name", tool.text), tool.path("name"));
      return { name, parameters: readSchema(tool, "parameters") };
    }),
    mode: fields.required("mode", (name) => fields.choice(name, ["auto", "required"])),
    continues: fields.boolean("continues") ?? false,
    parallel: fields.required("parallel", fields.boolean),
    order: fields.required("order", (name) => fields.choice(name, ["name-first", "arguments-first", "either"])),
    bareFurtherCalls: fields.boolean("bareFurtherCalls") ?? false,
    ...(fields.value("schema") === undefined ? {} : { schema: readSchema(fields, "schema") }),
  };
}

/** Whatever it says is the compiler's to refuse, within its limits; only its depth is checked here. */
function readSchema(fields: Fields, name: string): Record<string, unknown> | boolean {
  const value = fields.value(name);
  if (typeof value === "boolean") return value;
  if (!isObject(value)) throw invalid(fields.path(name), "a JSON Schema", value);
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepestSchema)
      throw invalidContent(fields.path(name), `a schema of at most ${deepestSchema} levels`, "a deeper one");
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return value;
}
