// Calls as the templates of llama.cpp's tree write them are read back as they were, or their tools are refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isElements, isNotation, openingsOf, type CallFormat } from "../../../src/engine/call_format.js";
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { MessagesReader } from "../../../src/format/calls/reading/messages_reader.js";
import { templateCalls } from "../../../src/format/calls/template_calls.js";
import { ChatTemplate } from "../../../src/format/template/template.js";
import { ReplyParser } from "../../../src/format/hermes/index.js";
import { partsToText, type PromptMessage } from "../../../src/format/hermes/prompt/prompt.js";
import { readCallFormat } from "../../../src/server/engine/call_format_fields.js";
import { Fields } from "../../../src/server/fields/read_fields.js";
import { corpusTemplate, templateNames, templateSource } from "../../support/template_corpus.js";
import { cpuMs } from "../../support/time/cpu_time.js";

/** Tools of these models are refused, and why. */
const refused: Record<string, string> = {
  "GigaChat3-10B-A1.8B": "its chat template ends the turn before a call",
};

/** Their calls are Hermes', or their templates know no tools, which are written as Hermes does. */
const hermes = [
  ...["Bielik-11B-v3.0-Instruct", "HuggingFaceTB-SmolLM3-3B", "MiMo-VL", "Qwen-QwQ-32B", "Qwen-Qwen2.5-7B-Instruct"],
  ...["NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "NousResearch-Hermes-3-Llama-3.1-8B-tool_use"],
  ...["Qwen-Qwen3-0.6B", "Reka-Edge", "deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek-ai-DeepSeek-V3.1"],
  ...["deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "fireworks-ai-llama-3-firefunction-v2", "google-gemma-2-2b-it"],
  ...["ibm-granite-granite-4.0", "ibm-granite-granite-4.1", "llama-cpp-rwkv-world", "microsoft-Phi-3.5-mini-instruct"],
];

/** Of these a turn has one call. */
const single = [
  "GigaChat3.1-10B-A1.8B",
  "meta-llama-Llama-3.1-8B-Instruct",
  "meta-llama-Llama-3.2-3B-Instruct",
  "meta-llama-Llama-3.3-70B-Instruct",
  "muse-glimmer",
  "openai-gpt-oss-120b",
];

const parameters = {
  type: "object",
  properties: {
    text: { type: "string", description: "A text" },
    "other text": { type: "string", description: "A text" },
    größe: { type: "number", description: "A number" },
    switch: { type: ["boolean", "null"], description: "Yes or no" },
    list: { type: "array", items: { type: "string" }, description: "A list" },
    nested: { type: "object", properties: { a: { type: "string", description: "Any" } }, description: "An object" },
  },
  required: ["text"],
};
const tools = ["get_weather", "search-2"].map((name) => ({ name, description: "A function", parameters }));

/** A string that holds nothing of the markup, which would end it. */
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom("", " a ", "12", "true", "null", '{"a": 1}', 'it\'s "x" <b> & </b> \\ \n\nend\n', "𝄞é\t"),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.constantFrom(0.5, -1.25, 3e-7, 1e20),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(
    text.filter((key) => key !== "__proto__"),
    tie("value"),
    { maxKeys: 3 },
  ),
}));
const number = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, -0.5, 12.75, 1e20, 9007199254740993n, -123456789012345678901n),
);
const args = fc
  .record(
    {
      text,
      "other text": text,
      größe: number,
      switch: fc.constantFrom(true, false, null),
      list: fc.array(json["value"]!, { maxLength: 3 }),
      nested: json["object"]!,
    },
    { requiredKeys: [] },
  )
  .map((value) => ({ ...value }));
const names = fc.constantFrom("get_weather", "search-2");
const call = fc.record({ name: names, arguments: args });

/** Elements have no quotes at all and leave nulls out, so that all is as the schema says. */
const elements = fc.record({
  name: names,
  arguments: fc.record(
    {
      text,
      "other text": text,
      größe: number,
      switch: fc.boolean(),
      list: fc.array(text, { maxLength: 3 }),
      nested: fc.record({ a: text }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  ),
});

/** Templates write names of arguments without quotes in a notation, and Python's strings without escapes. */
function callOf(
  { arguments: form }: CallFormat,
  isUnwritten = false,
): fc.Arbitrary<{ name: string; arguments: unknown }> {
  if (isElements(form)) return elements;
  if (!isNotation(form) || isUnwritten) return call;
  const isWritten = (value: unknown): boolean => {
    if (typeof value === "string") return form.quote !== undefined || !/['"\\]/.test(value);
    if (typeof value !== "object" || value === null) return true;
    return Object.entries(value).every(([key, inner]) => /^\w*$/.test(key) && key !== "" && isWritten(inner));
  };
  return fc.record({ name: names, arguments: args.filter((value) => Object.values(value).every(isWritten)) });
}

const written = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n!` : inner)).replace(
    /"(-?\d+)n!"/g,
    "$1",
  );

/** What the template writes of a turn with these calls, without what comes before them and ends the turn. */
async function reply(
  { template, format, turnEnd }: { template: Template; format: CallFormat; turnEnd: string },
  calls: readonly { name: string; arguments: unknown }[],
): Promise<string> {
  const messages: PromptMessage[] = [
    { role: "user", content: "zquser" },
    {
      role: "assistant",
      content: "",
      toolCalls: calls.map(({ name, arguments: given }, index) => ({
        id: `zzzzzzzz${index}`,
        name,
        arguments: written(given),
      })),
    },
  ];
  const whole = partsToText(await template.render({ messages, tools, addGenerationPrompt: false }));
  const behind = whole.slice(whole.lastIndexOf("zquser") + "zquser".length);
  const ended = turnEnd === "" ? behind : behind.slice(0, behind.lastIndexOf(turnEnd));
  if (format.messages?.textFirst === true) return ended.slice(ended.indexOf(format.messages.texts[0]!));
  if (format.messages !== undefined)
    return ended.slice(ended.indexOf(format.messages.next) + format.messages.next.length);
  return format.isBare ? ended.slice(ended.indexOf('{"name"')) : ended;
}

type Template = Awaited<ReturnType<typeof corpusTemplate>>["template"];

test("every template is known to write Hermes' calls, calls that are read, or calls that are refused", async () => {
  const all = await Promise.all(templateNames.map(async (name) => ({ name, ...(await corpusTemplate(name)) })));
  expect(all.filter(({ calls }) => calls.kind === "hermes").map(({ name }) => name)).toEqual(
    [...hermes].sort((a, b) => (a < b ? -1 : 1)),
  );
  expect(
    Object.fromEntries(all.flatMap(({ name, calls }) => (calls.kind === "unknown" ? [[name, calls.reason]] : []))),
  ).toEqual(refused);
  expect(all.flatMap(({ name, calls }) => (calls.kind === "own" && !calls.format.several ? [name] : []))).toEqual(
    single,
  );
});

test("a marker that ends messages ends no turn where the vocabulary does not say so", async () => {
  const template = new ChatTemplate(templateSource("GigaChat3-10B-A1.8B"), renderTemplate, {});
  const calls = await templateCalls(template, ["</s>"], () => Promise.resolve(true));
  expect(calls).toMatchObject({
    kind: "own",
    format: { call: ['<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": "', {}, '", "arguments": ', {}, "}"] },
  });
});

test("a server of this library reads every format as it was sent", async () => {
  for (const name of templateNames) {
    const { calls } = await corpusTemplate(name);
    if (calls.kind !== "own") continue;
    const sent: unknown = JSON.parse(JSON.stringify(calls.format));
    expect(readCallFormat(new Fields(sent)), name).toEqual(sent);
  }
});

/** Its template takes no tools with lists. */
const own = templateNames.filter(
  (name) => !hermes.includes(name) && !(name in refused) && name !== "CohereForAI-c4ai-command-r-plus-tool_use",
);

describe.each(own)("%s", (name) => {
  test("what its template writes of calls is read back as those calls, in pieces of any size", async () => {
    const { template, calls } = await corpusTemplate(name);
    if (calls.kind !== "own") throw new Error("The format is not known.");
    const { format, turnEnd } = calls;
    await fc.assert(
      fc.asyncProperty(
        fc.array(callOf(format, calls.isUnwritten), { minLength: 1, maxLength: format.several ? 3 : 1 }),
        fc.integer({ min: 1, max: 40 }),
        async (given, size) => {
          const raw = await reply({ template, format, turnEnd }, given);
          const parser = new ReplyParser({ tools }, format);
          const deltas = new Map<string, string>();
          const take = (events: ReturnType<ReplyParser["push"]>) => {
            for (const event of events)
              if (event.type === "tool-call-delta")
                deltas.set(event.id, (deltas.get(event.id) ?? "") + event.textDelta);
          };
          const openings = openingsOf(format, ["get_weather", "search-2"]).map(({ text }) => text);
          const reader = format.messages && new MessagesReader(format.messages, undefined, openings, "beginning");
          for (let at = 0; at < raw.length; at += size) {
            const piece = raw.slice(at, at + size);
            take(parser.push(reader === undefined ? piece : reader.read(piece).text));
          }
          if (reader !== undefined) take(parser.push(reader.end().text));
          const { calls: read } = parser.end();
          take(parser.takeEvents());
          expect(read.map(({ name, arguments: args }) => ({ name, arguments: plain(args) }))).toEqual(
            given.map(({ name, arguments: args }) => ({ name, arguments: plain(args) })),
          );
          expect(parser.malformedTexts).toEqual([]);
          expect(parser.callDetails.map(({ id }) => deltas.get(id))).toEqual(
            parser.callDetails.map(({ argumentsText }) => argumentsText),
          );
        },
      ),
      { numRuns: 25 },
    );
  });
});

test.each([
  [
    "writes a marker without an end",
    "{% for c in m.tool_calls %}<{{ 'a' * 900000 }}{{ c.function.name }}>{% endfor %}",
  ],
  [
    "writes names and arguments alone",
    "{% for c in m.tool_calls %}{{ c.function.name }} {{ c.function.arguments }}{% endfor %}",
  ],
  [
    "has nothing but white space around arguments",
    "{% for c in m.tool_calls %}{{ c.function.name }}\n{% for k, v in c.function.arguments.items() %}\n{{ k }} {{ v }}\n{% endfor %}{% endfor %}",
  ],
  [
    "writes arguments twice",
    "{% for c in m.tool_calls %}<{{ c.function.name }}>{{ c.function.arguments }}</{{ c.function.name }}>{% endfor %}",
  ],
])("a template that %s is refused in little time", async (_, written) => {
  const source = `{% if tools %}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}${written}[end]{% endfor %}`;
  const began = cpuMs();
  const calls = await templateCalls(new ChatTemplate(source, renderTemplate), ["[end]"], () => Promise.resolve(true));
  expect(calls.kind).toBe("unknown");
  expect(cpuMs() - began).toBeLessThan(5_000);
});

/** Numbers that JSON writes alike are alike. */
function plain(value: unknown): unknown {
  return JSON.parse(written(value));
}
