// The fields that chat completions and completions share, and their options of the library.
import { describe } from "../../errors.js";
import type { GenerationOptions } from "../../index.js";
import { ApiError } from "../api_error.js";
import { readLora, type LoraChoice } from "./adapter_fields.js";
import { type Fields, invalid, invalidContent } from "./read_fields.js";
import { readSamplers } from "./sampler_fields.js";

export interface GenerationFields extends SamplingFields {
  /** How many answers to each prompt. */
  readonly n: number;
  readonly stream: boolean;
  /** A last chunk of the stream counts the tokens. */
  readonly includeUsage: boolean;
}

/** What every endpoint takes. */
export interface SamplingFields {
  readonly seed: number | undefined;
  /** Requests with other salts never share cached tokens; empty without one. */
  readonly cacheSalt: string;
  readonly lora: readonly LoraChoice[] | undefined;
  readonly options: Omit<GenerationOptions, "seed" | "signal" | "cacheScope" | "requestId" | "adapter">;
}

/** Answers in one response, of all prompts together. */
export const mostChoices = 32;
const mostStops = 16;
const mostStopTokens = 1_000;
const mostTokens = 0x7fffffff;

/** `leastTokens` that may be asked for. */
export function readGenerationFields(body: Fields, leastTokens: 0 | 1): GenerationFields {
  const stream = body.boolean("stream") ?? false;
  const streamOptions = body.fields("stream_options");
  if (streamOptions !== undefined && !stream) {
    throw new ApiError(400, "invalid_value", "stream_options needs stream: true.", { param: "stream_options" });
  }
  body.text("user");
  return {
    n: body.wholeNumber("n", 1, mostChoices) ?? body.wholeNumber("n_cmpl", 1, mostChoices) ?? 1,
    stream,
    includeUsage: streamOptions?.boolean("include_usage") ?? false,
    ...readSamplingFields(body, {
      maxTokens: ["max_completion_tokens", "max_tokens", "n_predict"],
      leastTokens,
      stop: "stop",
    }),
  };
}

/** The names that an API has for two of them. */
export interface SamplingNames {
  /** In the order in which they count. */
  readonly maxTokens: readonly string[];
  /** That may be asked for. */
  readonly leastTokens: 0 | 1;
  readonly stop: string;
}

export function readSamplingFields(body: Fields, { maxTokens, leastTokens, stop }: SamplingNames): SamplingFields {
  return {
    seed: readSeed(body),
    cacheSalt: body.text("cache_salt") ?? "",
    lora: readLora(body),
    options: {
      temperature: body.number("temperature", 0, 2),
      topP: body.number("top_p", 0, 1),
      frequencyPenalty: body.number("frequency_penalty", -2, 2),
      presencePenalty: body.number("presence_penalty", -2, 2),
      maxTokens: maxTokens.map((name) => readMaxTokens(body, name, leastTokens)).find((count) => count !== undefined),
      stop: readStop(body, stop),
      logitBias: readLogitBias(body),
      // Not OpenAI's, but what other servers of local models take.
      topK: isUnlimited(body, "top_k") ? 0 : body.wholeNumber("top_k", 0, mostTokens),
      minP: body.number("min_p", 0, 1),
      repeatPenalty: body.number("repeat_penalty", 0.01, 100) ?? body.number("repetition_penalty", 0.01, 100),
      penaltyLastN: body.wholeNumber("repeat_last_n", -1, mostTokens),
      deterministic: body.boolean("deterministic"),
      minTokens: body.wholeNumber("min_tokens", 0, mostTokens),
      stopTokens: readStopTokens(body),
      ignoreEos: body.boolean("ignore_eos"),
      ...readSamplers(body),
    },
  };
}

/**
 * 64 bits there, 32 here. Each is a seed, -1 too, which other servers take for "a new one": that is a request without.
 */
export function readSeed(body: Fields): number | undefined {
  const seed = body.wholeNumber("seed", -(2 ** 63), 2 ** 63);
  return seed === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(seed)));
}

/** -1 is no limit, as with llama-server and vLLM. */
const isUnlimited = (body: Fields, name: string) => body.value(name) === -1;

function readMaxTokens(body: Fields, name: string, least: 0 | 1): number | undefined {
  return isUnlimited(body, name) ? undefined : body.wholeNumber(name, least, mostTokens);
}

export function readStop(body: Fields, name: string): readonly string[] | undefined {
  const value = body.value(name);
  const list = typeof value === "string" ? [value] : (value ?? []);
  if (!Array.isArray(list) || !list.every((text) => typeof text === "string"))
    throw invalid(body.path(name), "a string or an array of strings", value);
  if (list.length > mostStops)
    throw invalidContent(body.path(name), `at most ${mostStops} strings`, `${list.length} strings`);
  if (list.includes("")) throw invalidContent(body.path(name), "strings that are not empty", "an empty string");
  return list.length === 0 ? undefined : list;
}

function readStopTokens(body: Fields): readonly number[] | undefined {
  const list = body.list("stop_token_ids");
  if (list?.every((token) => Number.isInteger(token)) === false)
    throw invalid("stop_token_ids", "an array of token ids", list);
  if (list !== undefined && list.length > mostStopTokens)
    throw invalidContent("stop_token_ids", `at most ${mostStopTokens} tokens`, `${list.length} tokens`);
  return list as readonly number[] | undefined;
}

/** OpenAI's object, or pairs as llama.cpp's server takes them, in which false bans. Both may have texts, as there. */
function readLogitBias(body: Fields): [number | string, number][] | undefined {
  const value = body.value("logit_bias");
  if (Array.isArray(value)) {
    return value.map((pair: unknown, index) => {
      const param = `logit_bias[${index}]`;
      if (!Array.isArray(pair) || pair.length !== 2)
        throw invalid(param, "a pair of a token id or a text and a number", pair);
      return [
        typeof pair[0] === "string" ? pair[0] : readToken(pair[0]),
        pair[1] === false ? -Infinity : readBias(pair[1], `${param}[1]`),
      ];
    });
  }
  return body
    .entries("logit_bias")
    ?.map(([token, bias]) => [
      /^-?\d+$/.test(token) ? readToken(Number(token)) : token,
      readBias(bias, `logit_bias.${token}`),
    ]);
}

function readToken(token: unknown): number {
  if (typeof token === "number" && Number.isInteger(token) && token >= 0 && token <= mostTokens) return token;
  throw invalidContent("logit_bias", "token ids or texts", describe(token));
}

function readBias(bias: unknown, param: string): number {
  if (typeof bias !== "number") throw invalid(param, "a number", bias);
  if (bias < -100 || bias > 100) throw invalidContent(param, "a number from -100 to 100", String(bias));
  return bias;
}

/** The next answer to the same prompt has the next seed. */
export function seedOf(seed: number | undefined, index: number): number | undefined {
  return seed === undefined ? undefined : (seed + index) % 2 ** 32;
}

/** The scope of a key, parted further by the request's salt. */
export function cacheScopeOf(scope: string, salt: string): string {
  return salt === "" ? scope : `${scope}\n${salt}`;
}
