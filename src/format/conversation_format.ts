// Chooses the prompt format of a model, and says why: the Hermes format for Hermes, the file's template for others.
import type { ModelInfo, PromptPart, RenderTemplate } from "../engine/engine.js";
import { CaduceusError } from "../errors.js";
import { renderHermes, renderHermesContinuation, type HermesVariant, type PromptTool } from "./hermes/prompt/prompt.js";
import type { PlainMessage } from "./plain_message.js";
import { hermesCalls, type TemplateCalls } from "./calls/call_reading.js";
import { familyMember, type FamilyMember, type FormatVocabulary } from "./family/members.js";
import type { FileTemplates, TemplateFacts } from "./family/template_facts.js";
import { commonParts } from "./leading_parts.js";
import { thinkTags, type ThoughtTags } from "./thought.js";
import { ChatTemplate } from "./template/template.js";

/** Everything that a prompt is made of. */
export interface Conversation {
  readonly messages: readonly PlainMessage[];
  readonly tools: readonly PromptTool[];
  /** JSON Schema of the final answer. */
  readonly schema?: Readonly<Record<string, unknown>> | undefined;
  /** Asks for a scratch pad, where the wording is `hermes3` and there are tools. Default false. */
  readonly scratchPad?: boolean | undefined;
  /** Asks for one call for each thing the user wants, where there are tools. Default false. */
  readonly parallelHint?: boolean | undefined;
  /** Whether the model is to think before it answers. Default: the template's own choice. */
  readonly reasoning?: boolean | undefined;
  /** How much, in the template's words; only where the format takes it. Default: the template's own. */
  readonly effort?: string | undefined;
  /** Maximum number of tokens of the thought, for templates that tell the model. Default: none. */
  readonly thoughtTokens?: number | undefined;
  /** The last message is the assistant's and is gone on with: its turn stays open. Default false. */
  readonly continueFinalMessage?: boolean | undefined;
}

export interface ConversationFormat {
  /** Such as `hermes (card)` or `the file's template`. */
  readonly name: string;
  /** Why this one, as a sentence. */
  readonly reason: string;
  /** The model was trained on Hermes' calls. */
  readonly isHermes: boolean;
  /** How thoughts before an answer are marked. Undefined: the format knows none. */
  readonly thought: ThoughtTags | undefined;
  /** Whether the format tells the model how much effort to put into its thoughts. */
  readonly takesEffort: boolean;
  /** Whether several system messages, and later ones, are written in their places. */
  readonly takesSystemMessages: boolean;
  /** How the model writes calls. */
  readonly calls: TemplateCalls;
  /** The whole conversation and the beginning of the assistant's turn. */
  render(conversation: Conversation): Promise<PromptPart[]>;
  /**
   * What follows the tokens of the answer before `messages[from]`; undefined where everything has to be rendered again.
   */
  renderContinuation(conversation: Conversation, from: number): Promise<PromptPart[] | undefined>;
  /**
   * How many leading parts of `prompt` its first `count` messages have made, tools and schema included. `prompt` is
   * what `render` gave for the conversation, or `renderContinuation` with `from`. Undefined where there are none, or
   * where the format cannot tell; never too many.
   */
  leadingParts(
    prompt: readonly PromptPart[],
    conversation: Conversation,
    count: number,
    from?: number,
  ): Promise<number | undefined>;
}

export type { FormatVocabulary } from "./family/members.js";

export const formats = ["auto", "hermes", "template"] as const;

export interface FormatOptions {
  readonly format: (typeof formats)[number];
  /** Undefined: the model's own. */
  readonly variant: HermesVariant | undefined;
  /** In the place of the file's. */
  readonly chatTemplate?: string | undefined;
}

/** Undefined where there is none. */
export function templatesOf(
  { chatTemplate, metadata }: ModelInfo,
  { chatTemplate: given }: Pick<FormatOptions, "chatTemplate">,
): FileTemplates | undefined {
  const template = given ?? chatTemplate;
  if (template === undefined) return undefined;
  // As transformers and llama.cpp choose it.
  return { template, toolTemplate: (given === undefined && metadata["tokenizer.chat_template.tool_use"]) || template };
}

/** What is known of a model when its format is chosen. */
export interface FormatSource {
  readonly info: ModelInfo;
  readonly vocabulary: FormatVocabulary;
  readonly facts: TemplateFacts;
  /** How the template's model writes calls. Defaults to Hermes' way. */
  readonly calls?: TemplateCalls | undefined;
}

/** Throws `TEMPLATE_FAILED` when no format fits. A broken template fails when it is rendered. */
export function chooseFormat(
  { info, vocabulary, facts, calls }: FormatSource,
  options: FormatOptions,
  renderTemplate: RenderTemplate,
): ConversationFormat {
  const { format, variant, chatTemplate } = options;
  const member = familyMember(vocabulary, facts);
  const isMember = member && `The model is ${member.name}: ${member.sign}.`;
  if (format === "hermes") {
    if (!vocabulary.hasChatMl)
      throw new CaduceusError(
        "TEMPLATE_FAILED",
        "The Hermes format needs a ChatML model, but the vocabulary of this one has no <|im_start|> and <|im_end|>.",
        { param: "format", remedy: 'Load it with format "template".' },
      );
    const isHermes = member?.isHermes === true;
    return hermesFormat(member?.variant === undefined ? { isHermes } : member, options, vocabulary, asked("format"));
  }
  if (format === "auto" && chatTemplate === undefined && member?.variant !== undefined)
    return hermesFormat(member, options, vocabulary, isMember!);
  const templates = templatesOf(info, options);
  if (templates !== undefined) {
    const reason =
      chatTemplate !== undefined
        ? "The option chatTemplate gives it."
        : format === "template"
          ? asked("format")
          : (isMember ?? "The model is not Hermes, and its file holds a template.");
    const template = new ChatTemplate(templates.template, renderTemplate, {
      eosToken: vocabulary.eosText,
      variant: variant ?? "card",
      toolTemplate: templates.toolTemplate,
      thinkingSystem: member?.thinkingSystem,
      thoughtParts: facts.takesThoughtParts,
      calls,
    });
    return templateFormat(template, vocabulary, {
      reason,
      isHermes: member?.isHermes === true,
      takesSystemMessages: facts.takesSystemMessages,
      thought: member?.thinkingSystem === undefined ? facts.thoughtTags : thinkTags,
      variant,
      calls,
    });
  }
  if (format === "auto" && vocabulary.hasChatMl)
    return hermesFormat(
      { isHermes: false },
      options,
      vocabulary,
      "The file holds no template, and the vocabulary has ChatML's markers.",
    );
  throw new CaduceusError(
    "TEMPLATE_FAILED",
    "The model's file has no chat template, and its vocabulary lacks ChatML's markers.",
    {
      remedy:
        "Load it with a chatTemplate (--chat-template on the command line), or use complete(), which takes a raw prompt.",
    },
  );
}

const asked = (option: string) => `The option ${option} asks for it.`;

function hermesFormat(
  { isHermes, variant: own = "card", system }: Pick<FamilyMember, "isHermes" | "variant" | "system">,
  options: FormatOptions,
  { hasTagTokens: tagTokens }: FormatVocabulary,
  reason: string,
): ConversationFormat {
  const variant = options.variant ?? own;
  const style = { variant, tagTokens, system };
  return {
    name: `hermes (${variant})`,
    reason,
    isHermes,
    thought: undefined,
    takesEffort: false,
    takesSystemMessages: false,
    calls: hermesCalls,
    render: async (conversation) => renderHermes({ ...conversation, ...style }),
    renderContinuation: async (conversation, from) => renderHermesContinuation({ ...conversation, ...style, from }),
    leadingParts: (prompt, conversation, count, from) =>
      leadingParts(prompt, async () => {
        const first = { ...beginningOf(conversation, count), ...style };
        return from === undefined ? renderHermes(first) : renderHermesContinuation({ ...first, from });
      }),
  };
}

/** Its first messages, complete, with nothing behind them. */
const beginningOf = (conversation: Conversation, count: number) => ({
  ...conversation,
  messages: conversation.messages.slice(0, count),
  continueFinalMessage: false,
  addGenerationPrompt: false,
});

function templateFormat(
  template: ChatTemplate,
  { hasChatMl }: FormatVocabulary,
  {
    reason,
    isHermes,
    takesSystemMessages,
    thought,
    variant = "card",
    calls = hermesCalls,
  }: Pick<ConversationFormat, "reason" | "isHermes" | "takesSystemMessages" | "thought"> &
    Pick<FormatOptions, "variant"> &
    Pick<FormatSource, "calls">,
): ConversationFormat {
  const withRemedy = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!hasChatMl || !(error instanceof CaduceusError) || error.code !== "TEMPLATE_FAILED") throw error;
      throw new CaduceusError("TEMPLATE_FAILED", error.problem, {
        remedy: 'Load the model with format "hermes" to do without the template.',
        cause: error,
      });
    }
  };
  return {
    name: "the file's template",
    reason: template.hasTools ? reason : `${reason} It knows no tools: those are written as Hermes does (${variant}).`,
    isHermes,
    thought,
    takesEffort: template.takesEffort,
    takesSystemMessages,
    calls,
    render: (conversation) => withRemedy(template.render(conversation)),
    renderContinuation: (conversation, from) => withRemedy(template.renderContinuation({ ...conversation, from })),
    leadingParts: (prompt, conversation, count, from) =>
      leadingParts(prompt, async () => {
        const first = beginningOf(conversation, count);
        if (from === undefined) return template.render(first);
        return (await template.renderContinuation({ ...first, from })) ?? [];
      }),
  };
}

/** A template may refuse a conversation that stops where the beginning does; then nothing is known of it. */
async function leadingParts(
  prompt: readonly PromptPart[],
  renderBeginning: () => Promise<PromptPart[]>,
): Promise<number | undefined> {
  try {
    return commonParts(prompt, await renderBeginning());
  } catch (error) {
    if (error instanceof CaduceusError) return undefined;
    throw error;
  }
}
