// A loaded model for the layers above: its engine, its vocabulary and its defaults.
import type { Engine, ModelInfo } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import {
  chooseFormat,
  type ConversationFormat,
  type FormatOptions,
  templatesOf,
} from "../../format/conversation_format.js";
import { hermesCalls, type TemplateCalls } from "../../format/calls/call_reading.js";
import { templateCalls, textsOf } from "../../format/calls/template_calls.js";
import { ChatTemplate } from "../../format/template/template.js";
import { noFacts, probeMs, templateFacts, type TemplateFacts } from "../../format/family/template_facts.js";
import type { HermesVariant } from "../../format/hermes/prompt/prompt.js";
import { Adapters } from "./adapters.js";
import { samplingDefaults, type ModelSampling } from "./sampling.js";
import { markerToken, readVocabulary, turnEnds, type Vocabulary } from "./vocabulary.js";

export class LoadedModel {
  readonly engine: Engine;
  readonly vocabulary: Vocabulary;
  readonly sampling: ModelSampling;
  readonly adapters: Adapters;
  /** As the engine has it, with the chat template that is used. */
  readonly info: ModelInfo;
  readonly #closing = new AbortController();
  readonly #formatOptions: FormatOptions;
  readonly #facts: TemplateFacts;
  readonly #calls: TemplateCalls;
  readonly #formats = new Map<HermesVariant | undefined, ConversationFormat>();

  /** Takes over the engine. */
  static async of(
    engine: Engine,
    format: FormatOptions = { format: "auto", variant: undefined },
  ): Promise<LoadedModel> {
    // What generates no text has no format, whatever template its file holds.
    const templates = engine.info.purpose === "text" ? templatesOf(engine.info, format) : undefined;
    const [vocabulary, facts] = await Promise.all([
      readVocabulary(engine, format),
      templates === undefined ? noFacts : templateFacts(templates, engine.renderTemplate),
    ]);
    const calls =
      templates === undefined
        ? hermesCalls
        : await templateCalls(
            new ChatTemplate(templates.template, engine.renderTemplate, {
              eosToken: vocabulary.eosText,
              toolTemplate: templates.toolTemplate,
              timeoutMs: probeMs,
            }),
            await turnEnds(engine, vocabulary),
            async (text) => (await markerToken(engine, text)) !== undefined,
          );
    const { opening, closing, answer } = facts.thoughtTags ?? { opening: "", closing: "", answer: "" };
    const preserved = [...(calls.kind === "own" ? textsOf(calls.format) : []), opening, closing, answer];
    if (preserved.some((text) => text !== "")) engine.preserveTokens(preserved);
    return new LoadedModel(engine, { vocabulary, facts, calls }, format);
  }

  private constructor(
    engine: Engine,
    {
      vocabulary,
      facts,
      calls,
    }: { readonly vocabulary: Vocabulary; readonly facts: TemplateFacts; readonly calls: TemplateCalls },
    formatOptions: FormatOptions,
  ) {
    this.#formatOptions = formatOptions;
    this.#facts = facts;
    this.#calls = calls;
    this.engine = engine;
    this.vocabulary = vocabulary;
    this.adapters = new Adapters(engine);
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
    if (this.engine.info.purpose !== "text")
      throw new CaduceusError("UNSUPPORTED", `This is a model for ${this.engine.info.purpose} and generates no text.`);
    let format = this.#formats.get(variant);
    if (format === undefined) {
      format = chooseFormat(
        { info: this.engine.info, vocabulary: this.vocabulary, facts: this.#facts, calls: this.#calls },
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
