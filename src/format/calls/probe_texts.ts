// What a template writes for assistant messages with and without calls, as plain text behind the user's message.
import type { PromptMessage, PromptTool } from "../hermes/prompt/prompt.js";

/** Words that stand in no template, so that they can be found in what it writes. */
export const words = {
  user: "zquser",
  text: "zqtext",
  first: "zqfirst",
  second: "zqsecond",
  ids: ["zqcallid1", "zqcallid2"],
  key: "zqone",
  value: "zqvalue",
  otherKey: "zqtwo",
  otherValue: "zqother",
  number: "zqnumber",
  nested: "zqnested",
} as const;

/** Has what a template may escape. */
export const oddValue = 'zq<b> & "zq"\n\\zqodd';

export const numberValue = "41789";
export const nestedValue = { zqlist: [true, null, 41789, "zqinner"] };

const parameters = {
  type: "object",
  properties: {
    [words.key]: { type: "string", description: "A text" },
    [words.otherKey]: { type: "string", description: "A text" },
    [words.number]: { type: "integer", description: "A number" },
    [words.nested]: {
      type: "object",
      description: "An object",
      properties: { zqlist: { type: "array", description: "A list", items: {} } },
      additionalProperties: false,
    },
  },
  required: [],
};

export const probeTools: readonly PromptTool[] = [words.first, words.second].map((name) => ({
  name,
  description: "A function",
  parameters,
}));

const user: PromptMessage = { role: "user", content: words.user };
const one = { [words.key]: words.value };

const calling = (content: string, ...calls: readonly (readonly [name: string, args: object])[]): PromptMessage => ({
  role: "assistant",
  content,
  toolCalls: calls.map(([name, args], index) => ({ id: words.ids[index]!, name, arguments: pythonJson(args) })),
});

/** As models write it: with spaces behind colons and commas. */
const pythonJson = (value: object) => JSON.stringify(value).replace(/([,:])(?=["{[\dtfn])/g, "$1 ");

const probes = {
  /** No call. */
  plain: { role: "assistant", content: words.text },
  one: calling("", [words.first, one]),
  two: calling("", [words.first, one], [words.second, one]),
  withText: calling(words.text, [words.first, one]),
  pair: calling("", [words.first, { ...one, [words.otherKey]: words.otherValue }]),
  odd: calling("", [words.first, { [words.key]: oddValue }]),
  number: calling("", [words.first, { [words.number]: Number(numberValue) }]),
  nested: calling("", [words.first, { [words.nested]: nestedValue }]),
} satisfies Record<string, PromptMessage>;

/** Templates come with files, and are compared character by character. */
const longestText = 16_384;

/** What is written behind the user's message; undefined where the template refuses the message. */
export type ProbeTexts = Readonly<Record<keyof typeof probes | "prompt", string | undefined>>;

/** `render` gives the text of a conversation, and undefined where it cannot be written. */
export async function probeTexts(
  render: (messages: readonly PromptMessage[], addGenerationPrompt: boolean) => Promise<string | undefined>,
): Promise<ProbeTexts> {
  const behindUser = async (messages: readonly PromptMessage[], addGenerationPrompt: boolean) => {
    const text = await render([user, ...messages], addGenerationPrompt);
    const at = text?.lastIndexOf(words.user) ?? -1;
    const behind = at < 0 ? undefined : text?.slice(at + words.user.length);
    return behind !== undefined && behind.length > longestText ? undefined : behind;
  };
  const entries = Object.entries(probes).map(
    async ([name, message]) => [name, await behindUser([message], false)] as const,
  );
  return Object.fromEntries([["prompt", await behindUser([], true)], ...(await Promise.all(entries))]) as ProbeTexts;
}
