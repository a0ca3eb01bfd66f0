// Gives each row of a file one of your labels, many rows at a time, and goes on where it was stopped:
// node classify.mjs tickets.csv answers.jsonl --labels billing,bug,praise --column text
import { appendFile, readFile, truncate } from "node:fs/promises";
import { parseArgs } from "node:util";
import { CaduceusError, load } from "caduceus";
import { z } from "zod";
import { columnOf } from "./rows.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    labels: { type: "string" },
    column: { type: "string", default: "text" },
    model: { type: "string", default: "hermes-2-pro" },
    "at-once": { type: "string", default: "16" },
  },
});
const [input, output] = positionals;
const labels = flags.labels?.split(",").map((label) => label.trim()) ?? [];
const atOnce = Number(flags["at-once"]);
if (input === undefined || output === undefined || labels.length < 2 || !(atOnce >= 1)) {
  console.error("node classify.mjs INPUT OUTPUT --labels A,B[,…] [--column NAME] [--model NAME] [--at-once N]");
  process.exit(2);
}

const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort()); // A second one ends it at once.
const { signal } = stopping;

// What an earlier run has done. A line without its end was being written when that run ended: it is done again.
const written = await readFile(output, "utf8").catch(() => "");
const whole = written.slice(0, written.lastIndexOf("\n") + 1);
if (whole !== written) await truncate(output, Buffer.byteLength(whole));
const lines = whole.split("\n").filter((line) => line !== "");
const done = new Map(lines.map((line) => JSON.parse(line)).map(({ row, text }) => [row, text]));

const model = await load(flags.model, { contextSize: 2048 });
const system = `Classify what the user sends. The labels: ${labels.join(", ")}.`;
const schema = z.object({ label: z.enum(labels) });

/** The model can write nothing but one of the labels. @param {string} text */
async function classify(text) {
  const messages = /** @type {const} */ ([
    { role: "system", content: system },
    { role: "user", content: text },
  ]);
  try {
    return (await model.reply(messages, { schema, temperature: 0, signal })).value;
  } catch (error) {
    // A row that cannot be answered is no reason to stop the others.
    if (!(error instanceof CaduceusError && ["CONTEXT_FULL", "INVALID_MESSAGES"].includes(error.code))) throw error;
    return { error: error.code };
  }
}

let [row, skipped, fresh] = [0, 0, 0];
const began = performance.now();
const progress = setInterval(showProgress, 1_000);
function showProgress() {
  const perSecond = (fresh / (performance.now() - began)) * 1_000;
  process.stderr.write(`${fresh} rows classified (${perSecond.toFixed(1)}/s), ${skipped} from before\n`);
}

// Each worker takes the next row when it is done with one: the model computes their tokens together.
const rows = columnOf(input, flags.column, signal);
async function work() {
  for (let next = await rows.next(); !next.done; next = await rows.next()) {
    const [number, text] = [++row, next.value];
    if (done.get(number) === text) skipped++;
    else {
      const answer = await classify(text);
      await appendFile(output, `${JSON.stringify({ row: number, text, ...answer })}\n`);
      if (++fresh === 1) showProgress();
    }
  }
}

// The first failure stops the others.
const fail = (/** @type {unknown} */ error) => signal.aborted || stopping.abort(error);
await Promise.all(Array.from({ length: atOnce }, () => work().catch(fail)));
clearInterval(progress);
showProgress();
await model.close();
if (signal.aborted) {
  if (signal.reason?.name !== "AbortError") throw signal.reason;
  console.error("Stopped. The same command goes on from here.");
  process.exitCode = 130;
}
