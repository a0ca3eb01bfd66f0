// What a chat template makes of a few short conversations: facts by which the model is recognized, whatever its name.
import type { RenderTemplate } from "../../engine/engine.js";
import { partsToText } from "../hermes/prompt/prompt_parts.js";

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
}

export const noFacts: TemplateFacts = {
  question: undefined,
  tools: undefined,
  thinking: undefined,
  notThinking: undefined,
  takesSystemMessages: false,
};

/** Milliseconds of processor time for each conversation: well-known templates take less than one. */
const timeoutMs = 100;

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

export async function templateFacts(
  { template, toolTemplate }: FileTemplates,
  renderTemplate: RenderTemplate,
): Promise<TemplateFacts> {
  const render = async (source: string, more: object): Promise<string | undefined> => {
    const variables = {
      messages: [{ role: "user", content: probeQuestion }],
      tools: null,
      documents: null,
      add_generation_prompt: true,
      bos_token: "",
      eos_token: "",
      ...more,
    };
    const rendered = await renderTemplate(source, JSON.stringify(variables), timeoutMs);
    return rendered.failure === undefined ? partsToText(rendered.parts) : undefined;
  };
  const thinks = (value: boolean) => ({ thinking: value, enable_thinking: value });
  const systems = ["First.", "Second.", "Third."] as const;
  const [first, second, third] = systems.map((content) => ({ role: "system", content }));
  const asked = { role: "user", content: probeQuestion };
  const [question, tools, thinking, notThinking, several] = await Promise.all([
    render(template, {}),
    render(toolTemplate, { tools: [tool] }),
    render(template, thinks(true)),
    render(template, thinks(false)),
    render(template, { messages: [first, second, asked, { role: "assistant", content: "Here." }, third, asked] }),
  ]);
  const inOrder = new RegExp(
    [systems[0], systems[1], probeQuestion, systems[2], probeQuestion].map(quoted).join("[^]*"),
  );
  return {
    question,
    tools,
    thinking,
    notThinking,
    takesSystemMessages: several !== undefined && inOrder.test(several),
  };
}

const quoted = (text: string) => text.replace(/[.?]/g, "\\$&");
