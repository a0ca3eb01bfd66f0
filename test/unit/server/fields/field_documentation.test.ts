// The table of fields in docs/server.md is the one that the server goes by.
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fieldTable, type FieldEntry } from "../../../../src/server/fields/field_table.js";

test("docs/server.md has the table", () => {
  const file = new URL("../../../../docs/server.md", import.meta.url);
  const page = readFileSync(file, "utf8");
  const [begin, end] = ["<!-- fields -->\n", "<!-- /fields -->\n"];
  const [start, stop] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  expect(stop).toBeGreaterThanOrEqual(start);
  const wanted = documentTable();
  if (process.env["UPDATE_FIELDS"]) writeFileSync(file, page.slice(0, start) + wanted + page.slice(stop));
  else expect(page.slice(start, stop), "UPDATE_FIELDS=1 writes it").toBe(wanted);
});

function documentTable(): string {
  const only = ({ endpoints }: FieldEntry) =>
    endpoints === "both" ? "" : endpoints === "chat" ? " (chat)" : " (completions)";
  const names = (list: readonly FieldEntry[]) => list.map((entry) => `\`${entry.name}\`${only(entry)}`).join(", ");
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const byNote = (does: FieldEntry["does"]) => {
    const notes = new Map<string, FieldEntry[]>();
    for (const entry of fieldTable)
      if (entry.does === does) notes.set(entry.note, [...(notes.get(entry.note) ?? []), entry]);
    return [...notes];
  };
  const passing = (list: readonly FieldEntry[]) =>
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
