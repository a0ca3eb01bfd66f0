// A loaded model for the layers above: its engine, its vocabulary and its defaults.
import type { Engine, ModelInfo } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import {
  chooseFormat,
  type ConversationFormat,
  type FormatOptions,
  templatesOf,
} from "../../format/conversation_format.js";
import { noFacts, templateFacts, type TemplateFacts } from "../../format/family/template_facts.js";
import type { HermesVariant } from "../../format/hermes/prompt/prompt.js";
import { samplingDefaults, type ModelSampling } from "./sampling.js";
import { readVocabulary, type Vocabulary } from "./vocabulary.js";

export class LoadedModel {
  readonly engine: Engine;
  readonly vocabulary: Vocabulary;
  readonly sampling: ModelSampling;
  /** As the engine has it, with the chat template that is used. */
  readonly info: ModelInfo;
  readonly #closing = new AbortController();
  readonly #formatOptions: FormatOptions;
  readonly #facts: TemplateFacts;
  readonly #formats = new Map<HermesVariant | undefined, ConversationFormat>();

  /** Takes over the engine. */
  static async of(
    engine: Engine,
    format: FormatOptions = { format: "auto", variant: undefined },
  ): Promise<LoadedModel> {
    const templates = templatesOf(engine.info, format);
    const [vocabulary, facts] = await Promise.all([
      readVocabulary(engine),
      templates === undefined ? noFacts : templateFacts(templates, engine.renderTemplate),
    ]);
    return new LoadedModel(engine, { vocabulary, facts }, format);
  }

  private constructor(
    engine: Engine,
    { vocabulary, facts }: { readonly vocabulary: Vocabulary; readonly facts: TemplateFacts },
    formatOptions: FormatOptions,
  ) {
    this.#formatOptions = formatOptions;
    this.#facts = facts;
    this.engine = engine;
    this.vocabulary = vocabulary;
    const { chatTemplate = engine.info.chatTemplate } = formatOptions;
    this.info = chatTemplate === engine.info.chatTemplate ? engine.info : { ...engine.info, chatTemplate };
    this.sampling = {
      defaults: samplingDefaults(engine.info.metadata),
      bannedTokens: vocabulary.bannedTokens,
      endTokens: [...new Set([...engine.info.endOfGenerationTokens, ...vocabulary.stopTokens])],
      vocabularySize: engine.info.vocabularySize,
    };
  }

  /**
   * Aborts, with a `MODEL_CLOSED` error as its reason, when closing begins. Everything that uses the model follows it.
   */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** The prompt format. An unusable template does not prevent raw prompts, so it throws only here. */
  format(variant = this.#formatOptions.variant): ConversationFormat {
    let format = this.#formats.get(variant);
    if (format === undefined) {
      format = chooseFormat(
        { info: this.engine.info, vocabulary: this.vocabulary, facts: this.#facts },
        { ...this.#formatOptions, variant },
        this.engine.renderTemplate,
      );
      this.#formats.set(variant, format);
    }
    return format;
  }

  /** Ends all runs, then frees the memory. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort(new CaduceusError("MODEL_CLOSED", "The model was closed."));
    await this.engine.close();
  }
}
