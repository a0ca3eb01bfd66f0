// Chooses the prompt format of a model, and says why: the Hermes format for Hermes, the file's template for others.
import type { ModelInfo, PromptPart, RenderTemplate } from "../engine/engine.js";
import { CaduceusError } from "../errors.js";
import { renderHermes, renderHermesContinuation, type HermesVariant, type PromptTool } from "./hermes/prompt/prompt.js";
import type { PlainMessage } from "./plain_message.js";
import { commonParts } from "./leading_parts.js";
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
}

export interface ConversationFormat {
  /** Such as `hermes (card)` or `the file's template`. */
  readonly name: string;
  /** Why this one, as a sentence. */
  readonly reason: string;
  /** The model was trained on Hermes' calls. */
  readonly isHermes: boolean;
  /** Whether the format knows thoughts in `<think>` before an answer. */
  readonly thinks: boolean;
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

export interface FormatOptions {
  readonly format: "auto" | "hermes" | "template";
  readonly variant: HermesVariant;
}

/** What of a vocabulary decides. */
export interface FormatVocabulary {
  readonly hasChatMl: boolean;
  readonly hasTagTokens: boolean;
  readonly eosText: string;
}

/** Throws `TEMPLATE_FAILED` when no format fits. A broken template fails when it is rendered. */
export function chooseFormat(
  info: ModelInfo,
  vocabulary: FormatVocabulary,
  { format, variant }: FormatOptions,
  renderTemplate: RenderTemplate,
): ConversationFormat {
  const named = /hermes/i.test(
    `${info.name ?? ""} ${info.metadata["general.basename"] ?? ""} ${info.path.split(/[\\/]/).at(-1) ?? ""}`,
  );
  if (format === "hermes" || (format === "auto" && named)) {
    if (!vocabulary.hasChatMl)
      throw new CaduceusError(
        "TEMPLATE_FAILED",
        "The Hermes format needs a ChatML model, but the vocabulary of this one has no <|im_start|> and <|im_end|>.",
        { param: "format", remedy: 'Load it with format "template".' },
      );
    return hermesFormat(
      variant,
      vocabulary.hasTagTokens,
      named,
      format === "hermes" ? "The option format asks for it." : "The model's name says that it is Hermes.",
    );
  }
  if (info.chatTemplate !== undefined) {
    return templateFormat(
      new ChatTemplate(info.chatTemplate, renderTemplate, { eosToken: vocabulary.eosText, variant }),
      vocabulary,
      variant,
      format === "template"
        ? "The option format asks for it."
        : "The model is not Hermes, and its file holds a template.",
    );
  }
  if (format === "auto" && vocabulary.hasChatMl)
    return hermesFormat(
      variant,
      vocabulary.hasTagTokens,
      false,
      "The file holds no template, and the vocabulary has ChatML's markers.",
    );
  throw new CaduceusError(
    "TEMPLATE_FAILED",
    "The model's file has no chat template, and its vocabulary lacks ChatML's markers.",
    { remedy: "Use complete(), which takes a raw prompt." },
  );
}

function hermesFormat(
  variant: HermesVariant,
  tagTokens: boolean,
  isHermes: boolean,
  reason: string,
): ConversationFormat {
  return {
    name: `hermes (${variant})`,
    reason,
    isHermes,
    thinks: false,
    render: async (conversation) => renderHermes({ ...conversation, variant, tagTokens }),
    renderContinuation: async (conversation, from) =>
      renderHermesContinuation({ ...conversation, variant, tagTokens, from }),
    leadingParts: (prompt, conversation, count, from) =>
      leadingParts(prompt, async () => {
        const first = {
          ...conversation,
          messages: conversation.messages.slice(0, count),
          addGenerationPrompt: false,
          variant,
          tagTokens,
        };
        return from === undefined ? renderHermes(first) : renderHermesContinuation({ ...first, from });
      }),
  };
}

function templateFormat(
  template: ChatTemplate,
  { hasChatMl }: FormatVocabulary,
  variant: HermesVariant,
  reason: string,
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
    isHermes: false,
    thinks: template.thinks,
    render: (conversation) => withRemedy(template.render(conversation)),
    renderContinuation: (conversation, from) => withRemedy(template.renderContinuation({ ...conversation, from })),
    leadingParts: (prompt, conversation, count, from) =>
      leadingParts(prompt, async () => {
        const first = { ...conversation, messages: conversation.messages.slice(0, count), addGenerationPrompt: false };
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
