// The models that write Hermes' calls, and how each is recognized: by its vocabulary and by what its template makes of
// short conversations, never by its name. docs/models.md shows this table with the source of each fact.
import type { HermesVariant } from "../hermes/prompt/prompt_system.js";
import { probeQuestion, probeTool, type TemplateFacts } from "./template_facts.js";

/** What of a vocabulary decides. */
export interface FormatVocabulary {
  /** Both ChatML markers are single tokens, so conversations can be written in that format. */
  readonly hasChatMl: boolean;
  /** `<tool_call>` is a token of its own, as in Hermes on Llama 3; in Hermes 2 Pro on Mistral it is five ordinary ones. */
  readonly hasTagTokens: boolean;
  /** `<tools>` is a single token, which Qwen's vocabularies do not have. */
  readonly hasToolsToken: boolean;
  /** 32,032 tokens with ChatML's markers behind Mistral's 32,000, end before start. */
  readonly isHermes2ProMistral: boolean;
  /** What the token that ends a sequence is written as, for templates that write it; empty where there is none. */
  readonly eosText: string;
}

export interface FamilyMember {
  readonly name: string;
  /** Why it is this one, as the end of a sentence. */
  readonly sign: string;
  /** Hermes' format is written by this library, in this wording. Undefined: the file's template writes it. */
  readonly variant?: HermesVariant;
  /** System message of a conversation that has none, and neither tools nor a schema. */
  readonly system?: string;
  /** A system message that makes the model think, where its template has no variable for that. */
  readonly thinkingSystem?: string;
  /** Trained on Hermes' calls by Nous Research. */
  readonly isHermes: boolean;
}

interface Row extends FamilyMember {
  readonly fits: (vocabulary: FormatVocabulary, facts: TemplateFacts) => boolean;
}

const hermesWording = "You are a function calling AI model. You are provided with function signatures within <tools>";
const qwenWording = "You may call one or more functions to assist with the user query.";
const qwenCall = '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>';
const deepThinking =
  "You are a deep thinking AI, you may use extremely long chains of thought to deeply consider the problem and deliberate with yourself via systematic reasoning processes to help come to a correct solution prior to answering. You should enclose your thoughts and internal monologue inside <think> </think> tags, and then provide your solution or response to the problem.";

const has = (prompt: string | undefined, text: string) => prompt?.includes(text) === true;
const chatMl = `<|im_start|>user\n${probeQuestion}<|im_end|>\n<|im_start|>assistant`;
const hermes3System = "You are a helpful assistant.";

/** Its template writes plain ChatML, and describes tools with Hermes' words or not at all. */
const isPlain = (facts: TemplateFacts, beginning: string) =>
  (facts.question === undefined || facts.question.trim() === `${beginning}${chatMl}`) &&
  (has(facts.tools, hermesWording) ? has(facts.tools, chatMl) : facts.question !== undefined && !describesTools(facts));
const describesTools = ({ tools }: TemplateFacts) => has(tools, probeTool);
/** Neither a template nor a conversation that it takes: the vocabulary alone decides. */
const isSilent = ({ question, tools }: TemplateFacts) => question === undefined && tools === undefined;

/** The first that fits counts. */
const rows: readonly Row[] = [
  {
    name: "Hermes 2 Pro on Mistral",
    sign: "its vocabulary has 32,032 tokens, with ChatML's markers behind Mistral's",
    variant: "card",
    isHermes: true,
    fits: ({ isHermes2ProMistral }) => isHermes2ProMistral,
  },
  {
    name: "Hermes 4",
    sign: "its template begins deep thinking with Hermes' system message",
    isHermes: true,
    fits: (_, { thinking, notThinking }) => has(thinking, deepThinking) && !has(notThinking, deepThinking),
  },
  {
    name: "Hermes 3",
    sign: "its template has Hermes 3's system message, and its template or its vocabulary Hermes' tools",
    variant: "hermes3",
    system: hermes3System,
    isHermes: true,
    fits: ({ hasChatMl, hasToolsToken }, facts) =>
      hasChatMl &&
      facts.question !== undefined &&
      (hasToolsToken || has(facts.tools, hermesWording)) &&
      isPlain(facts, `<|im_start|>system\n${hermes3System}<|im_end|>\n`),
  },
  {
    name: "Hermes 2 Pro on Llama 3",
    sign: "its vocabulary has Hermes' tags",
    variant: "card",
    isHermes: true,
    fits: ({ hasChatMl, hasToolsToken }, facts) =>
      hasChatMl && hasToolsToken && (isSilent(facts) || isPlain(facts, "")),
  },
  {
    name: "a model with Hermes' published template",
    sign: "that template describes the tools",
    variant: "tool-use",
    isHermes: true,
    fits: ({ hasChatMl }, facts) => hasChatMl && has(facts.tools, hermesWording) && isPlain(facts, ""),
  },
  {
    name: "DeepHermes 3",
    sign: "its vocabulary has Hermes' tags, and its template writes turns as Llama 3 does",
    thinkingSystem: deepThinking,
    isHermes: true,
    fits: ({ hasToolsToken }, { question, tools }) =>
      hasToolsToken && has(question ?? tools, `<|start_header_id|>user<|end_header_id|>\n\n${probeQuestion}<|eot_id|>`),
  },
  {
    name: "Qwen3",
    sign: "its template describes tools as Qwen does, and knows thoughts",
    isHermes: false,
    fits: (_, { tools, thinking, notThinking }) =>
      has(tools, qwenWording) && has(tools, qwenCall) && thinking !== notThinking,
  },
  {
    name: "Qwen2.5",
    sign: "its template describes tools as Qwen does",
    isHermes: false,
    fits: (_, { tools }) => has(tools, qwenWording) && has(tools, qwenCall),
  },
];

/** Undefined: a model of another family. */
export function familyMember(vocabulary: FormatVocabulary, facts: TemplateFacts): FamilyMember | undefined {
  return rows.find(({ fits }) => fits(vocabulary, facts));
}
