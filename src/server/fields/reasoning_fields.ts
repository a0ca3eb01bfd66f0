// The fields by which clients turn reasoning on, off and limit it, in the words of OpenAI, vLLM and llama.cpp's server.
import type { ReasoningEffort, ReplyOptions } from "../../index.js";
import { type Fields, unsupported } from "./read_fields.js";

const switches = ["enable_thinking", "thinking"];
const budgets = ["thinking_budget_tokens", "reasoning_budget_tokens", "thinking_token_budget"];
export const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;

/** The least efforts are none. */
export function reasoningOfEffort(
  effort: (typeof efforts)[number] | undefined,
): "off" | { readonly effort: ReasoningEffort } | undefined {
  if (effort === undefined) return undefined;
  return effort === "none" || effort === "minimal" ? "off" : { effort };
}

export function readReasoning(body: Fields): ReplyOptions["reasoning"] {
  const variables = body.fields("chat_template_kwargs");
  const other = variables?.names().find((name) => !switches.includes(name) && variables.value(name) !== undefined);
  if (variables !== undefined && other !== undefined)
    throw unsupported(variables.path(other), "of the template's variables, requests can set enable_thinking only.");
  const wanted = reasoningOfEffort(body.choice("reasoning_effort", efforts));
  const isWanted =
    variables?.boolean("enable_thinking") ??
    variables?.boolean("thinking") ??
    body.boolean("enable_thinking") ??
    (wanted && wanted !== "off");
  const [budget = -1] = budgets.flatMap((name) => body.wholeNumber(name, -1, 0x7fffffff) ?? []);
  if (isWanted === false || budget === 0) return "off";
  const effort = typeof wanted === "object" ? wanted : {};
  if (budget > 0) return { maxTokens: budget, ...effort };
  return isWanted ? (typeof wanted === "object" ? wanted : "on") : undefined;
}
