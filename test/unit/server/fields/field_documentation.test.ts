// The tables of fields in docs/server.md are those that the server goes by.
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { messageFields } from "../../../../src/server/anthropic/message_fields.js";
import type { FieldEntry } from "../../../../src/server/fields/field_table.js";
import { samplingFields } from "../../../../src/server/fields/sampling_field_list.js";
import { infillFields } from "../../../../src/server/llama/infill_request.js";
import { ollamaChatFields, ollamaGenerateFields } from "../../../../src/server/ollama/ollama_fields.js";
import {
  embeddingFields,
  ollamaEmbedFields,
  rerankFields,
} from "../../../../src/server/embeddings/embedding_fields.js";
import { openaiFields, type OpenAIField } from "../../../../src/server/openai/openai_fields.js";
import { responseFields } from "../../../../src/server/responses/response_fields.js";

/** A field, and what follows its name where not every endpoint of the table has it. */
type Row = FieldEntry & { readonly only?: string };

const sampling = new Set(samplingFields);
const ofOpenAI = ({ endpoints, ...entry }: OpenAIField): Row =>
  endpoints === "both" ? entry : { ...entry, only: endpoints };
const ofOllama = (): Row[] => {
  const [chat, generate] = [ollamaChatFields, ollamaGenerateFields];
  const own = (list: readonly FieldEntry[], other: readonly FieldEntry[], only: string) =>
    list.filter((entry) => !other.includes(entry)).map((entry) => ({ ...entry, only }));
  return [
    ...own(chat.own, generate.own, "chat"),
    ...own(generate.own, chat.own, "generate"),
    ...chat.own.filter((entry) => generate.own.includes(entry)),
  ];
};

test.each<[string, readonly Row[]]>([
  ["fields", openaiFields.map(ofOpenAI)],
  ["fields of responses", responseFields.own.filter((entry) => !sampling.has(entry))],
  ["fields of messages", messageFields.own.filter((entry) => !sampling.has(entry))],
  ["fields of Ollama", ofOllama()],
  ["fields of infill", infillFields.own.filter((entry) => !sampling.has(entry))],
  ["fields of embeddings", embeddingFields.own],
  ["fields of rerank", rerankFields.own],
  ["fields of Ollama's embed", ollamaEmbedFields.own],
])("docs/server.md has the %s", (name, rows) => {
  const file = new URL("../../../../docs/server.md", import.meta.url);
  const page = readFileSync(file, "utf8");
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->\n`];
  const [start, stop] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  expect(page).toContain(begin);
  expect(stop).toBeGreaterThanOrEqual(start);
  const wanted = documentTable(rows);
  if (process.env["UPDATE_FIELDS"]) writeFileSync(file, page.slice(0, start) + wanted + page.slice(stop));
  else expect(page.slice(start, stop), "UPDATE_FIELDS=1 writes it").toBe(wanted);
});

function documentTable(rows: readonly Row[]): string {
  const names = (list: readonly Row[]) =>
    list.map(({ name, only }) => `\`${name}\`${only === undefined ? "" : ` (${only})`}`).join(", ");
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const byNote = (does: FieldEntry["does"]) => {
    const notes = new Map<string, Row[]>();
    for (const entry of rows) if (entry.does === does) notes.set(entry.note, [...(notes.get(entry.note) ?? []), entry]);
    return [...notes];
  };
  const passing = (list: readonly Row[]) =>
    [...new Set(list.flatMap(({ neutral = [] }) => neutral.map((value) => `\`${JSON.stringify(value)}\``)))].join(", ");
  return [
    "**Honored**\n",
    "| Field | |",
    "|---|---|",
    ...byNote("honored").map(([note, list]) => `| ${names(list)} | ${cell(note)} |`),
    "\n**Refused with a 400 that names the field**, unless its value asks for nothing\n",
    "| Field | Instead | Passes |",
    "|---|---|---|",
    ...byNote("refused").map(
      ([note, list]) => `| ${names(list)} | ${cell(note.replace(/\.$/, ""))} | ${passing(list)} |`,
    ),
    "\n**Without effect on the answer**\n",
    "| Field | Because |",
    "|---|---|",
    ...byNote("nothing").map(([note, list]) => `| ${names(list)} | ${cell(note)} |`),
    "",
  ].join("\n");
}
