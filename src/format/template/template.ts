// The chat template of a model that is not Hermes: the file's own Jinja, with Hermes' wording for tools where it has
// none.
import type { PromptPart, RenderTemplate } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import { callsText, responseText, type PromptMessage, type PromptTool } from "../hermes/prompt/prompt.js";
import { parallelHintText, systemParts, type HermesVariant } from "../hermes/prompt/prompt_system.js";
import { tailOf } from "../../engine/call_format.js";
import { CallPlaces } from "../calls/unwritten_calls.js";
import { allowsSeveral, hermesCalls, type TemplateCalls } from "../calls/call_reading.js";
import { endOfCalls, endOfText, markersOf, partsBehind, partsFrom, partsUntil, splitMarkup } from "./template_parts.js";
import { attempts, nameOfResult, variablesJson } from "./template_variables.js";

export interface TemplatePrompt {
  readonly messages: readonly PromptMessage[];
  readonly tools?: readonly PromptTool[] | undefined;
  /** JSON Schema of the final answer; it is asked for in the system message. */
  readonly schema?: Readonly<Record<string, unknown>> | undefined;
  /** As Hermes' own prompt has it; only where the template has no tools and the variant is `hermes3`. Default false. */
  readonly scratchPad?: boolean | undefined;
  /** Asks, in the system message, for one call for each thing the user wants. Default false. */
  readonly parallelHint?: boolean | undefined;
  /** The variables by which templates turn thinking on and off. Default: not set. */
  readonly reasoning?: boolean | undefined;
  /** `reasoning_effort`. Default: not set. */
  readonly effort?: string | undefined;
  /** `thinking_budget`. Default: not set. */
  readonly thoughtTokens?: number | undefined;
  /** Ends inside the last message, which is the assistant's. Default false. */
  readonly continueFinalMessage?: boolean | undefined;
  /** Ends with the beginning of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
}

export interface TemplateOptions {
  /** Text of the model's end-of-sequence token, for templates that write it. Default empty. */
  readonly eosToken?: string | undefined;
  /** The template of conversations with tools, where it is another one. */
  readonly toolTemplate?: string | undefined;
  /** A system message that makes the model think, where no variable does. Default none. */
  readonly thinkingSystem?: string | undefined;
  /** Earlier thoughts are parts of their messages' content. Default false. */
  readonly thoughtParts?: boolean | undefined;
  /** How Hermes' wording goes, where the template has no tools. Default `card`. */
  readonly variant?: HermesVariant | undefined;
  /** How calls are written. Default as Hermes does. */
  readonly calls?: TemplateCalls | undefined;
  /** Milliseconds of processor time that each rendering may take. Default 1,000. */
  readonly timeoutMs?: number | undefined;
}

const closingTag = "</tool_call>";
/** Hunyuan 3's. */
const offEffort = "no_think";

export class ChatTemplate {
  /**
   * The template writes tool definitions itself. Where it does not, they go into the system message in Hermes' wording.
   */
  readonly hasTools: boolean;
  /** The template tells the model how much effort to put into its thoughts. */
  readonly takesEffort: boolean;
  readonly #code: string;
  readonly #source: string;
  readonly #toolSource: string;
  readonly #thinkingSystem: string | undefined;
  readonly #thoughtParts: boolean;
  readonly #renderTemplate: RenderTemplate;
  readonly #eosToken: string;
  readonly #variant: HermesVariant;
  readonly #calls: TemplateCalls;
  readonly #timeoutMs: number;

  constructor(
    source: string,
    renderTemplate: RenderTemplate,
    {
      eosToken = "",
      variant = "card",
      toolTemplate = source,
      thinkingSystem,
      thoughtParts = false,
      calls = hermesCalls,
      timeoutMs = 1_000,
    }: TemplateOptions = {},
  ) {
    this.#calls = calls;
    this.#source = source;
    this.#toolSource = toolTemplate;
    this.#thinkingSystem = thinkingSystem;
    this.#thoughtParts = thoughtParts;
    this.#renderTemplate = renderTemplate;
    this.#eosToken = eosToken;
    this.#variant = variant;
    this.#timeoutMs = timeoutMs;
    const code = `${source}${toolTemplate}`.replace(/\{#.*?#\}/gs, "");
    this.#code = code;
    this.hasTools = /\btools\b/.test(code);
    this.takesEffort = /\b(reasoning|thinking)_effort\b/.test(code);
  }

  /** Whether it has this text, comments aside. */
  has(text: string): boolean {
    return this.#code.includes(text);
  }

  /**
   * A whole conversation. Rejects with `TEMPLATE_FAILED` and the template's message where it refuses one, or is none.
   * The tokenizer adds BOS.
   */
  async render(prompt: TemplatePrompt): Promise<PromptPart[]> {
    return splitMarkup(await this.#render(prompt));
  }

  /**
   * What follows the tokens of the assistant's answer `messages[from - 1]`: the end of its turn, the messages after it,
   * and the beginning of its next turn. Undefined where the template does not write that answer as the model did (it
   * trims, drops thinking, or has calls in another form): the whole conversation then has to be rendered again.
   */
  async renderContinuation(prompt: TemplatePrompt & { readonly from: number }): Promise<PromptPart[] | undefined> {
    const { messages, from } = prompt;
    const answer = messages[from - 1];
    if (answer?.role !== "assistant") return undefined;
    const first = {
      ...prompt,
      messages: messages.slice(0, from - 1),
      continueFinalMessage: false,
      addGenerationPrompt: true,
    };
    const [before, whole] = await Promise.all([this.#render(first), this.#render(prompt)]);
    const rest = partsBehind(whole, before);
    const end = rest && this.#behindAnswer(rest, answer);
    return end && splitMarkup(end);
  }

  /** What stands in `rest` behind the answer, with which it begins. */
  #behindAnswer(rest: readonly PromptPart[], { content, toolCalls = [] }: PromptMessage): PromptPart[] | undefined {
    if (toolCalls.length > 0 && this.hasTools) return this.#behindCalls(rest, toolCalls.length);
    return endOfText(rest, toolCalls.length > 0 ? this.#withCalls(content, toolCalls) : content);
  }

  /** What people and models say is text, so the tags are the template's own. */
  #behindCalls(rest: readonly PromptPart[], count: number): PromptPart[] | undefined {
    const calls = this.#calls;
    if (calls.kind !== "own") return endOfCalls(rest, closingTag, count);
    const { end } = calls.format;
    const tail = tailOf(calls.format.call).trim();
    const closing = end.trim() === "" ? { text: tail, count } : { text: end.trim(), count: 1 };
    const behind = markersOf(closing.text).length === 0 ? rest : endOfCalls(rest, closing.text, closing.count);
    return behind && calls.turnEnd !== "" ? partsFrom(behind, calls.turnEnd) : undefined;
  }

  #withCalls(content: string, toolCalls: NonNullable<PromptMessage["toolCalls"]>): string {
    const calls = callsText(toolCalls, this.#variant);
    return content === "" ? calls : `${content}\n${calls}`;
  }

  async #render(prompt: TemplatePrompt): Promise<readonly PromptPart[]> {
    const places = this.#calls.kind === "own" && this.#calls.isUnwritten && new CallPlaces(this.#calls.format);
    const given = places ? { ...prompt, messages: prompt.messages.map((one) => places.hide(one)) } : prompt;
    const adapted = this.#adapt(given);
    const source = usesTools(adapted) ? this.#toolSource : this.#source;
    let refusal: string | undefined;
    // Some write the first call of a turn alone.
    const mustSplit =
      !allowsSeveral(this.#calls) && adapted.messages.some(({ toolCalls = [] }) => toolCalls.length > 1);
    for (const attempt of mustSplit ? attempts.filter(({ splitCalls }) => splitCalls) : attempts) {
      const variables = variablesJson(this.#withEffort(adapted), attempt, this.#eosToken);
      if (variables === undefined) continue;
      const rendered = await this.#renderTemplate(source, variables, this.#timeoutMs);
      if (rendered.failure === undefined) {
        const parts = places ? places.show(rendered.parts) : rendered.parts;
        return prompt.continueFinalMessage ? this.#untilFinalMessage(parts, prompt) : parts;
      }
      refusal ??= rendered.failure;
      if (rendered.isLimit) break;
    }
    throw new CaduceusError("TEMPLATE_FAILED", `The model's chat template could not be rendered: ${refusal}.`);
  }

  /** Some turn thoughts on and off by their effort alone. */
  #withEffort(prompt: TemplatePrompt) {
    const { reasoning, effort = reasoning === true ? "high" : reasoning === false ? offEffort : undefined } = prompt;
    const variables = { ...prompt, thoughtParts: this.#thoughtParts };
    return this.takesEffort && this.has(`'${offEffort}'`) ? { ...variables, effort } : variables;
  }

  /** As transformers does it: the whole conversation up to the end of the last message's text. */
  #untilFinalMessage(parts: readonly PromptPart[], { messages }: TemplatePrompt): readonly PromptPart[] {
    const beginning = partsUntil(parts, messages.at(-1)?.content ?? "");
    if (beginning !== undefined) return beginning;
    throw new CaduceusError(
      "TEMPLATE_FAILED",
      "The last message cannot be continued: the model's chat template does not write it as it is.",
    );
  }

  /**
   * Puts what the template cannot write into the messages: the schema, and tools, calls and results in Hermes' wording.
   */
  #adapt(prompt: TemplatePrompt): TemplatePrompt {
    const { messages, tools = [], schema, scratchPad, parallelHint = false, reasoning = false } = prompt;
    const inHermes = !this.hasTools;
    const own = systemParts({
      variant: this.#variant,
      tools: inHermes ? tools : [],
      schema,
      scratchPad,
      parallelHint,
    })
      .map(({ text }) => text)
      .join("");
    // A template's own wording of the tools cannot be gone on with.
    const hint = !inHermes && tools.length > 0 && parallelHint ? parallelHintText : "";
    const system = messages[0]?.role === "system" ? messages[0].content : undefined;
    const adapted: PromptMessage[] = [];
    const thinking = reasoning ? (this.#thinkingSystem ?? "") : "";
    const head = [thinking, hint, own, system ?? ""].filter((text) => text !== "").join("\n\n");
    if (head !== "" || system !== undefined) adapted.push({ role: "system", content: head });
    messages.slice(system === undefined ? 0 : 1).forEach((message, index, rest) => {
      if (!inHermes) return adapted.push(message);
      if (message.role === "assistant" && (message.toolCalls ?? []).length > 0)
        return adapted.push({ role: "assistant", content: this.#withCalls(message.content, message.toolCalls ?? []) });
      if (message.role !== "tool") return adapted.push(message);
      const content = responseText(nameOfResult(rest, index), message.content);
      const last = adapted.at(-1);
      if (rest[index - 1]?.role === "tool" && last !== undefined)
        return adapted.splice(-1, 1, { role: last.role, content: last.content + content });
      // ChatML's templates write any role; others refuse a role they do not know.
      return adapted.push({ role: this.#source.includes("<|im_start|>") ? "tool" : "user", content });
    });
    return { ...prompt, messages: adapted, tools: inHermes ? [] : tools };
  }
}

const usesTools = ({ tools = [], messages }: TemplatePrompt) =>
  tools.length > 0 || messages.some(({ role, toolCalls = [] }) => role === "tool" || toolCalls.length > 0);
