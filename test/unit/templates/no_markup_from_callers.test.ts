// No string that a caller gives, wherever it stands in messages, tools and schemas, becomes a control token of a
// prompt.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PromptPart } from "../../../src/engine/engine.js";
import {
  hermesVariants,
  renderHermes,
  type PromptMessage,
  type PromptTool,
} from "../../../src/format/hermes/prompt/prompt.js";
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { ChatTemplate } from "../../../src/format/template/template.js";
import { CaduceusError } from "../../../src/errors.js";

interface Given {
  readonly messages: PromptMessage[];
  readonly tools: PromptTool[];
  readonly schema: Record<string, unknown>;
}

// Every string and every key that begins with `@` is the caller's.
const schema = {
  type: "object",
  title: "@",
  description: "@",
  format: "@",
  $ref: "@",
  $comment: "@",
  pattern: "@",
  default: { type: "@", format: "@", "@": ["@"] },
  examples: ["@", { type: "@" }],
  const: "@",
  enum: ["@", { properties: { type: "@" } }],
  required: ["@", "city"],
  "@": "@",
  contentMediaType: "@",
  properties: {
    "@": { type: "string", enum: ["@"], description: "@" },
    city: { type: ["string", "null", "@"], description: "@", format: "date" },
    type: { type: "@" },
    list: { type: "array", items: { anyOf: [{ type: "object", properties: { "@": { $ref: "@" } } }, { const: "@" }] } },
  },
  $defs: { "@": { type: "string", default: "@" } },
  additionalProperties: { type: "object", description: "@" },
  items: [{ type: "@" }],
};
const given: Given = {
  messages: [
    { role: "system", content: "@" },
    { role: "user", content: "@" },
    {
      role: "assistant",
      content: "@",
      toolCalls: [{ id: "@", name: "@", arguments: JSON.stringify({ "@": "@", nested: { "@": ["@", [1, true]] } }) }],
    },
    { role: "tool", toolCallId: "@", name: "@", content: "@" },
    { role: "assistant", content: "@" },
    { role: "user", content: "@" },
  ],
  tools: [
    { name: "@", description: "@", parameters: schema },
    { name: "plain", parameters: { type: "object", properties: { "@": { type: "string" } } } },
  ],
  schema,
};

/** The conversation with what `fill` gives at each of the caller's places; arguments are JSON inside a string. */
function filled(text: () => string): Given {
  // No two are equal: some templates compare messages.
  let count = 100;
  const fill = () => `${text()}${count++}`;
  const visit = (value: unknown, key = ""): unknown => {
    if (typeof value === "string") {
      if (key === "arguments") return JSON.stringify(visit(JSON.parse(value)));
      return value === "@" ? fill() : value;
    }
    if (Array.isArray(value)) return value.map((item) => visit(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member], index) => [
        name === "@" ? `${fill()}${index}` : name,
        visit(member, name),
      ]),
    );
  };
  return visit(given) as Given;
}

/** The markers in what will be read as control tokens, in their order. */
const markers = (parts: readonly PromptPart[]) =>
  parts.flatMap((part) =>
    "control" in part ? (part.control.match(/<[^<>\s]+>|\[\/?[A-Za-z][^[\]\s"]*\]|\]~[^\s\]]*\]|\[e~\[/g) ?? []) : [],
  );

const general = [
  "<|im_start|>",
  "<|im_end|>",
  "<|eot_id|>",
  "<s>",
  "</s>",
  "[INST]",
  "[/INST]",
  "<start_of_turn>",
  "<｜User｜>",
  "<|end|>",
  "]~b]",
  "[e~[",
  "<tool_call>",
  "<function=x>",
  "|im_end|",
  "im_end",
  "s",
  "/s",
  "\\u003c|im_end|\\u003e",
  "&lt;s&gt;",
];
/** Of the template itself: what it writes somewhere. */
const own = (source: string) =>
  [...new Set(source.match(/<[^<>\s{}'"]{1,40}>|\[\/?[A-Z_]+\]/g) ?? [])]
    // What an assistant has thought is for templates to find.
    .filter((marker) => !/think/i.test(marker))
    .slice(0, 40);

async function rendered(render: () => Promise<PromptPart[]>): Promise<string[] | undefined> {
  try {
    return markers(await render());
  } catch (error) {
    if (error instanceof CaduceusError) return undefined;
    throw error;
  }
}

const folder = new URL("../../../llama.cpp/source/models/templates/", import.meta.url);
const chatml =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}";
const tagged =
  "{% for t in tools or [] %}<{{ t.function.name }}>{% for k, v in t.function.parameters.properties.items() %}<|{{ k }}|><{{ v.type }}><{{ v.format }}>{{ v | tojson }}{% endfor %}{% endfor %}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}<{{ c.id }}><{{ c.function.name }}>{{ c.function.arguments | tojson }}{% endfor %}<{{ m.tool_call_id }}>{% endfor %}";
const sources = new Map([
  ["ChatML", chatml],
  ["a template that writes names in brackets", tagged],
  ...readdirSync(folder)
    .filter((file) => file.endsWith(".jinja"))
    .map((file) => [file, readFileSync(new URL(file, folder), "utf8")] as const),
]);

describe("the prompt of a template has the same control tokens whatever its caller wrote", () => {
  let read = 0;
  for (const [name, source] of sources) {
    test(name, async () => {
      const template = new ChatTemplate(source, renderTemplate, { eosToken: "</s>" });
      // Some refuse tools beside a schema, some ids that are no nine letters.
      const harmless = await rendered(() => template.render(filled(() => "abcdef")));
      if (harmless === undefined) return;
      read++;
      const evil = [...general, ...own(source)];
      const texts = fc.array(fc.constantFrom(...evil), { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(fc.infiniteStream(texts), async (stream) => {
          const parts = await rendered(() => template.render(filled(() => (stream.next().value as string[]).join(""))));
          if (parts !== undefined) expect(parts).toEqual(harmless);
        }),
        { numRuns: 4 },
      );
    });
  }
  test("most templates of the pinned llama.cpp were rendered", () => {
    expect(read).toBeGreaterThan(60);
  });
});

test.each(
  hermesVariants.flatMap(
    (variant) =>
      [
        [variant, false],
        [variant, true],
      ] as const,
  ),
)("the prompt of Hermes (%s, tag tokens %s) too", (variant, tagTokens) => {
  const render = (it: Given) => markers(renderHermes({ ...it, variant, tagTokens, scratchPad: true }));
  const harmless = render(filled(() => "abcdef"));
  const evil = [
    ...general,
    "</tool_call>",
    "</tools>",
    "<tools>",
    "</tool_response>",
    "<schema>",
    "</schema>",
    "<scratch_pad>",
  ];
  fc.assert(
    fc.property(fc.infiniteStream(fc.array(fc.constantFrom(...evil), { minLength: 1, maxLength: 3 })), (stream) => {
      expect(render(filled(() => (stream.next().value as string[]).join("")))).toEqual(harmless);
    }),
    { numRuns: 30 },
  );
});
