// The chat template of a model that is not Hermes: the file's own Jinja, with Hermes' wording for tools where it has
// none.
import type { PromptPart } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import { callsText, responseText, type PromptMessage, type PromptTool } from "../hermes/prompt/prompt.js";
import { parallelHintText, systemStretches, type HermesVariant } from "../hermes/prompt/prompt_system.js";
import { Marks } from "./template_marks.js";
import { parseTemplate, runTemplate, TemplateTimeout, type Program } from "./template_run.js";

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
  /** Ends with the beginning of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
}

export interface TemplateOptions {
  /** Text of the model's end-of-sequence token, for templates that write it. Default empty. */
  readonly eosToken?: string | undefined;
  /** How Hermes' wording goes, where the template has no tools. Default `card`. */
  readonly variant?: HermesVariant | undefined;
  /** Milliseconds that parsing and each rendering may take. Default 1,000. */
  readonly timeoutMs?: number | undefined;
}

const closingTag = "</tool_call>";

/** A conversation in the form templates expect, its callers' strings hidden. */
type Variables = Record<string, unknown> & { messages: { role: string; content: string; [key: string]: unknown }[] };

export class ChatTemplate {
  /**
   * The template writes tool definitions itself. Where it does not, they go into the system message in Hermes' wording.
   */
  readonly hasTools: boolean;
  /** The template knows thoughts in `<think>`. */
  readonly thinks: boolean;
  readonly #source: string;
  readonly #program: Program;
  readonly #eosToken: string;
  readonly #variant: HermesVariant;
  readonly #timeoutMs: number;

  /** Throws `TEMPLATE_FAILED` when the source is no template. */
  constructor(source: string, { eosToken = "", variant = "card", timeoutMs = 1_000 }: TemplateOptions = {}) {
    this.#source = source;
    this.#eosToken = eosToken;
    this.#variant = variant;
    this.#timeoutMs = timeoutMs;
    this.#program = parseTemplate(source, timeoutMs);
    const code = source.replace(/\{#.*?#\}/gs, "");
    this.hasTools = /\btools\b/.test(code);
    this.thinks = code.includes("<think>");
  }

  /**
   * A whole conversation. Throws `TEMPLATE_FAILED` with the template's message where it refuses one. The tokenizer adds
   * BOS.
   */
  render(prompt: TemplatePrompt): PromptPart[] {
    const marks = this.#marks(prompt);
    return marks.parts(this.#render(prompt, marks));
  }

  /**
   * What follows the tokens of the assistant's answer `messages[from - 1]`: the end of its turn, the messages after it,
   * and the beginning of its next turn. Undefined where the template does not write that answer as the model did (it
   * trims, drops thinking, or has calls in another form): the whole conversation then has to be rendered again.
   */
  renderContinuation(prompt: TemplatePrompt & { readonly from: number }): PromptPart[] | undefined {
    const { messages, from } = prompt;
    const answer = messages[from - 1];
    if (answer?.role !== "assistant") return undefined;
    const marks = this.#marks(prompt);
    const before = this.#render({ ...prompt, messages: messages.slice(0, from - 1), addGenerationPrompt: true }, marks);
    const whole = this.#render(prompt, marks);
    if (!whole.startsWith(before)) return undefined;
    const rest = whole.slice(before.length);
    const end = this.#endOfAnswer(rest, answer, marks);
    return end === undefined ? undefined : marks.parts(rest.slice(end));
  }

  /** Where in `rest`, which begins with it, the template has written the answer. */
  #endOfAnswer(rest: string, { content, toolCalls = [] }: PromptMessage, marks: Marks): number | undefined {
    if (toolCalls.length > 0 && this.hasTools) {
      // What people and models say is hidden, so the tags are the template's own.
      let end = 0;
      for (let call = 0; call < toolCalls.length; call++) {
        const at = rest.indexOf(closingTag, end);
        if (at < 0) return undefined;
        end = at + closingTag.length;
      }
      return end;
    }
    const written = marks.hide(toolCalls.length > 0 ? this.#withCalls(content, toolCalls) : content, "thinking");
    return rest.startsWith(written) ? written.length : undefined;
  }

  #withCalls(content: string, toolCalls: NonNullable<PromptMessage["toolCalls"]>): string {
    const calls = callsText(toolCalls, this.#variant);
    return content === "" ? calls : `${content}\n${calls}`;
  }

  #marks({ messages, tools = [], schema }: TemplatePrompt): Marks {
    return new Marks([
      ...messages.flatMap(({ content, reasoning, name, toolCallId, toolCalls = [] }) => [
        content,
        reasoning ?? "",
        name ?? "",
        toolCallId ?? "",
        ...toolCalls.flatMap((call) => [call.id ?? "", call.name, call.arguments]),
      ]),
      JSON.stringify(tools),
      JSON.stringify(schema ?? null),
    ]);
  }

  #render(prompt: TemplatePrompt, marks: Marks): string {
    const adapted = this.#adapt(prompt);
    let refusal: unknown;
    for (const attempt of attempts) {
      const variables = attempt(this.#variables(adapted, marks));
      if (variables === undefined) continue;
      try {
        return runTemplate(this.#program, variables, this.#timeoutMs);
      } catch (error) {
        refusal ??= error;
        if (!(error instanceof CaduceusError) || error instanceof TemplateTimeout) break;
      }
    }
    throw refusal;
  }

  /**
   * Puts what the template cannot write into the messages: the schema, and tools, calls and results in Hermes' wording.
   */
  #adapt(prompt: TemplatePrompt): TemplatePrompt {
    const { messages, tools = [], schema, scratchPad, parallelHint = false } = prompt;
    const inHermes = !this.hasTools;
    const own = systemStretches({
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
    const head = [hint, own, system ?? ""].filter((text) => text !== "").join("\n\n");
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

  #variables({ messages, tools = [], reasoning, addGenerationPrompt = true }: TemplatePrompt, marks: Marks): Variables {
    return {
      // Qwen3, GLM, SmolLM3 and most others; DeepSeek V3 and Kimi.
      ...(reasoning === undefined ? {} : { enable_thinking: reasoning, thinking: reasoning }),
      messages: messages.map((message, index) => ({
        role: message.role,
        content: marks.hide(
          message.content,
          message.role === "assistant" ? "thinking" : message.role === "tool" ? "nothing" : "switches",
        ),
        ...(message.role === "tool"
          ? {
              name: marks.hide(nameOfResult(messages, index) ?? ""),
              tool_call_id: marks.hide(message.toolCallId ?? ""),
            }
          : {}),
        ...(message.reasoning === undefined ? {} : { reasoning_content: marks.hide(message.reasoning) }),
        ...((message.toolCalls ?? []).length > 0
          ? {
              tool_calls: message.toolCalls?.map((call) => ({
                id: marks.hide(call.id ?? ""),
                type: "function",
                function: { name: marks.hide(call.name), arguments: marks.hideValue(parseArguments(call.arguments)) },
              })),
            }
          : {}),
      })),
      tools:
        tools.length === 0
          ? null
          : tools.map(({ name, description, parameters }) => ({
              type: "function",
              function: {
                name: marks.hide(name),
                description: marks.hide(description ?? ""),
                parameters: marks.hideSchema(parameters ?? { type: "object", properties: {} }),
              },
            })),
      documents: null,
      add_generation_prompt: addGenerationPrompt,
      bos_token: "",
      eos_token: this.#eosToken,
    };
  }
}

/**
 * Templates differ in what they take; each next attempt is for those that refused the one before. Undefined: nothing to
 * change.
 */
const attempts: readonly ((variables: Variables) => Variables | undefined)[] = [
  (variables) => variables,
  withTextArguments,
  withoutSystem,
  (variables) => {
    const merged = withoutSystem(variables);
    return merged === undefined ? undefined : withTextArguments(merged);
  },
  // Some go through the tools without asking whether there are any.
  (variables) => (variables["tools"] === null ? { ...variables, tools: [] } : undefined),
];

/** Some join the arguments of a call to a string, as OpenAI sends them. */
function withTextArguments(variables: Variables): Variables | undefined {
  let changed = false;
  const messages = variables.messages.map((message) => {
    if (!Array.isArray(message["tool_calls"])) return message;
    changed = true;
    const calls = message["tool_calls"] as { function: { name: string; arguments: unknown } }[];
    return {
      ...message,
      tool_calls: calls.map((call) => ({
        ...call,
        function: { ...call.function, arguments: JSON.stringify(call.function.arguments) },
      })),
    };
  });
  return changed ? { ...variables, messages } : undefined;
}

/** Gemma and others know no system role: what it says goes before the first message of the user. */
function withoutSystem(variables: Variables): Variables | undefined {
  const [system, first, ...rest] = variables.messages;
  if (system?.role !== "system" || first?.role !== "user") return undefined;
  return { ...variables, messages: [{ ...first, content: `${system.content}\n\n${first.content}` }, ...rest] };
}

function nameOfResult(messages: readonly PromptMessage[], index: number): string | undefined {
  const result = messages[index];
  const calls = messages.slice(0, index).findLast(({ role }) => role === "assistant")?.toolCalls ?? [];
  return calls.find(({ id }) => id !== undefined && id === result?.toolCallId)?.name ?? result?.name;
}

function parseArguments(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}
