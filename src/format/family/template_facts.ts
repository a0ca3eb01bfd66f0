// What a chat template makes of a few short conversations: facts by which the model is recognized, whatever its name.
import type { PromptPart, RenderTemplate } from "../../engine/engine.js";
import { partsToText } from "../hermes/prompt/prompt_parts.js";
import type { ThoughtTags } from "../thought.js";
import { probeAnswer, probeThought, thoughtTags } from "./thought_tags.js";

/** The template of conversations, and the one that a file may have for those with tools. */
export interface FileTemplates {
  readonly template: string;
  readonly toolTemplate: string;
}

/** Prompts that the template gives. Undefined where it refuses the conversation. */
export interface TemplateFacts {
  /** Of a question, with the assistant's turn begun. */
  readonly question: string | undefined;
  /** Of the same with a tool. */
  readonly tools: string | undefined;
  /** Of the question, where the model is told to think. */
  readonly thinking: string | undefined;
  /** Of the question, where it is told not to. */
  readonly notThinking: string | undefined;
  /** It writes several system messages, and later ones, in their places. */
  readonly takesSystemMessages: boolean;
  /** How the model marks thoughts. Undefined: it has none. */
  readonly thoughtTags: ThoughtTags | undefined;
  /** It writes an earlier thought that is a part of its message's content, and no other. */
  readonly takesThoughtParts: boolean;
}

export const noFacts: TemplateFacts = {
  question: undefined,
  tools: undefined,
  thinking: undefined,
  notThinking: undefined,
  takesSystemMessages: false,
  thoughtTags: undefined,
  takesThoughtParts: false,
};

/**
 * Milliseconds of processor time for each conversation by which a template is examined: well-known ones take less than
 * one.
 */
export const probeMs = 100;

export const probeQuestion = "Where?";
export const probeTool = "look";

const tool = {
  type: "function",
  function: {
    name: probeTool,
    description: "Looks",
    parameters: { type: "object", properties: { place: { type: "string", description: "Where" } } },
  },
};

const asked = { role: "user", content: probeQuestion };
const call = { id: "abcdefgh1", type: "function", function: { name: probeTool, arguments: { place: "x" } } };
const result = { role: "tool", name: probeTool, tool_call_id: call.id, content: "There." };
const systems = ["First.", "Second.", "Third."] as const;
const [first, second, third] = systems.map((content) => ({ role: "system", content }));
const inOrder = new RegExp(
  [systems[0], systems[1], probeQuestion, systems[2], probeQuestion]
    .map((text) => text.replace(/[.?]/g, "\\$&"))
    .join("[^]*"),
);

export async function templateFacts(
  { template, toolTemplate }: FileTemplates,
  renderTemplate: RenderTemplate,
): Promise<TemplateFacts> {
  const render = async (source: string, more: object): Promise<readonly PromptPart[] | undefined> => {
    const variables = {
      messages: [asked],
      tools: null,
      documents: null,
      add_generation_prompt: true,
      bos_token: "",
      eos_token: "",
      ...more,
    };
    const rendered = await renderTemplate(source, JSON.stringify(variables), probeMs);
    return rendered.failure === undefined ? rendered.parts : undefined;
  };
  const thinks = (value: boolean) => ({ thinking: value, enable_thinking: value });
  const thought = { reasoning_content: probeThought, reasoning: probeThought, thinking: probeThought };
  const answered = { role: "assistant", content: probeAnswer };
  const parts = [
    { type: "thinking", thinking: probeThought },
    { type: "text", text: probeAnswer },
  ];
  const [question, tools, thinking, notThinking, several, answer, calls, inParts] = await Promise.all([
    render(template, {}),
    render(toolTemplate, { tools: [tool] }),
    render(template, thinks(true)),
    render(template, thinks(false)),
    render(template, { messages: [first, second, asked, answered, third, asked] }),
    render(template, {
      messages: [asked, { ...answered, ...thought }],
      ...thinks(true),
      add_generation_prompt: false,
    }),
    render(toolTemplate, {
      messages: [asked, { role: "assistant", content: "", ...thought, tool_calls: [call] }, result],
      tools: [tool],
      ...thinks(true),
    }),
    render(template, { messages: [asked, { role: "assistant", content: parts }, asked] }),
  ]);
  const text = (prompt: readonly PromptPart[] | undefined) => prompt && partsToText(prompt);
  const shows = (prompt: readonly PromptPart[] | undefined) => text(prompt)?.includes(probeThought) === true;
  return {
    question: text(question),
    tools: text(tools),
    thinking: text(thinking),
    notThinking: text(notThinking),
    takesSystemMessages: inOrder.test(text(several) ?? ""),
    // Others write the list as it is.
    takesThoughtParts:
      shows(inParts) && !/["']thinking["']/.test(text(inParts) ?? "") && !shows(answer) && !shows(calls),
    thoughtTags: thoughtTags(`${template}${toolTemplate}`, [answer, calls], [question, thinking, notThinking]),
  };
}
