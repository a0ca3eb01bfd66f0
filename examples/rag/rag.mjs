// Answers a question about a folder of Markdown, and names its sources:
// node rag.mjs FOLDER QUESTION [EMBEDDING MODEL] [MODEL]
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { load } from "caduceus";
const [folder = "docs", question = "What is this about?", ...models] = process.argv.slice(2);
const [embedder = "hf:nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0", answerer = "hermes-2-pro"] = models;
// Those of nomic's models; docs/embeddings.md lists others.
const prefixes = { document: "search_document: ", query: "search_query: " };

// A section is a heading and what stands below it.
const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".md")).sort();
const sections = [];
for (const name of names)
  for (const text of (await readFile(path.join(folder, name), "utf8")).split(/^(?=#{1,6} )/m))
    if (text.trim()) sections.push({ source: `${name}: ${text.trim().split("\n")[0]}`, text: text.trim() });

// The index has the vector of each section by what it says, so that only new sections are computed.
const indexFile = path.join(folder, ".index.json");
const index = JSON.parse(await readFile(indexFile, "utf8").catch(() => "{}"));
const keyOf = ({ text }) => createHash("sha256").update(`${embedder}\n${text}`).digest("hex");
const fresh = sections.filter((section) => !(keyOf(section) in index));
const embedding = await load(embedder);
const texts = [...fresh.map(({ text }) => prefixes.document + text), prefixes.query + question];
const vectors = (await embedding.embed(texts, { truncate: true })).embeddings;
await embedding.close();
fresh.forEach((section, at) => (index[keyOf(section)] = Buffer.from(vectors[at].buffer).toString("base64")));
const kept = sections.map((section) => [keyOf(section), index[keyOf(section)]]);
await writeFile(indexFile, JSON.stringify(Object.fromEntries(kept)));
console.log(`${sections.length} sections, ${fresh.length} of them new`);

// The nearest sections are those whose vectors have the largest products with the question's.
const asked = vectors.at(-1) ?? new Float32Array();
const vectorOf = (section) => new Float32Array(Uint8Array.from(Buffer.from(index[keyOf(section)], "base64")).buffer);
const near = sections
  .map((section) => ({ ...section, score: vectorOf(section).reduce((sum, value, at) => sum + value * asked[at], 0) }))
  .sort((a, b) => b.score - a.score)
  .slice(0, 3);

const model = await load(answerer);
const notes = near.map(({ text }, at) => `[${at + 1}] ${text.slice(0, 2000)}`).join("\n\n");
const reply = model.reply(
  [
    { role: "system", content: "Answer from the notes alone, and name the numbers of those that you used." },
    { role: "user", content: `${notes}\n\nQuestion: ${question}` },
  ],
  { maxTokens: 100 },
);
for await (const text of reply.textStream) process.stdout.write(text);
console.log("\n");
near.forEach(({ source, score }, at) => console.log(`[${at + 1}] ${source} (${score.toFixed(2)})`));
await model.close();
