// An assistant with several tools. It looks things up freely, and asks before it changes anything.
import { createInterface } from "node:readline/promises";
import { load, tool } from "caduceus";
import { z } from "zod";

const notes = new Map([["shopping", "milk, bread"]]);
const listNotes = tool({
  name: "list_notes",
  description: "The titles of all notes",
  execute: () => [...notes.keys()],
});
const readNote = tool({
  name: "read_note",
  description: "The text of a note",
  parameters: z.object({ title: z.string().describe("Title of the note") }),
  execute: ({ title }) => notes.get(title) ?? `There is no note ${title}.`,
});
const writeNote = tool({
  name: "write_note",
  description: "Writes a note, over an older one of the same title",
  parameters: z.object({ title: z.string().min(1), text: z.string() }),
  execute: ({ title, text }) => {
    notes.set(title, text);
    return { written: title };
  },
});

/** Reading is free; writing needs a yes of whoever sits at the terminal. */
async function approve({ name, arguments: args }, { signal }) {
  if (name !== "write_note") return true;
  if (!process.stdin.isTTY) return { allow: false, reason: "Nobody is here to allow it." };
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Write ${JSON.stringify(args)}? [y/N] `, { signal });
    return answer.toLowerCase() === "y" ? true : { allow: false, reason: "The user does not want that." };
  } finally {
    terminal.close();
  }
}

const model = await load(process.argv[2] ?? "hermes-2-pro");
const chat = model.chat({
  system: "You keep the user's notes. Answer in one short sentence.",
  tools: [listNotes, readNote, writeNote],
  approve,
  maxRounds: 4,
  maxTokens: 200,
});

for (const question of ["What is on my shopping list?", "Put eggs on it, please."]) {
  console.log(`> ${question}`);
  for await (const event of chat.send(question)) {
    if (event.type === "text") process.stdout.write(event.text);
    if (event.type === "tool-call") console.log(`[calls ${event.name} ${event.argumentsText}]`);
    if (event.type === "tool-result") console.log(event.failure ? `[${event.failure}: ${event.error.message}]` : `[gets ${event.content}]`);
    if (event.type === "malformed") console.log("[a call that cannot be read]");
    if (event.type === "finish") {
      const { promptTokens, cachedTokens, generatedTokens } = event.usage;
      console.log(`\n(${event.stoppedBy ?? event.finishReason}; read ${promptTokens - cachedTokens} tokens, wrote ${generatedTokens})`);
    }
  }
}
console.log("Notes:", Object.fromEntries(notes));
await chat.close();
await model.close();
