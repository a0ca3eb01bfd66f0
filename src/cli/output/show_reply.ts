// A reply as people see it: its text on standard output, what happens around it on standard error.
import { AnswerError, type Reply, type ReplyEvent, type ReplyResult, type ToolResultEvent } from "../../index.js";
import { jsonLine, outcomeOf, type Outcome } from "./result_fields.js";
import { dim, note, withoutControls, write } from "./terminal.js";

const longestResult = 300;

/**
 * Streams a reply, and ends its text with a newline. Calls that nobody has run are lines of JSON on standard output.
 * `showsCalls`: calls are shown as they are written. What is wrong with an answer alone is told, and in the outcome.
 */
export async function showReply(reply: Reply, { showsCalls = false } = {}): Promise<Outcome> {
  const screen = new Screen();
  try {
    for await (const event of reply) await show(event, screen, showsCalls);
  } catch (error) {
    if (!(error instanceof AnswerError)) {
      // The message to come begins on a line of its own.
      await screen.endLine();
      throw error;
    }
    await showEnd(error.result, screen);
    note(error.message);
  }
  return outcomeOf(reply);
}

async function show(event: ReplyEvent, screen: Screen, showsCalls: boolean): Promise<void> {
  switch (event.type) {
    case "text":
      return screen.answer(event.text);
    case "reasoning":
      return screen.detail(event.text);
    case "malformed":
      return screen.line(`(a call that cannot be read: ${event.text})`);
    case "repeated-call":
      return screen.line(`(${event.name} would have been called a second time in the same way: the turn ended there)`);
    case "dropped":
      return screen.line(`(the conversation was too long: its ${event.messages.length} oldest messages were dropped)`);
    case "warning":
      return screen.line(`(${event.message})`);
    case "finish":
      return showEnd(event, screen);
    default:
      if (!showsCalls) return;
  }
  switch (event.type) {
    case "tool-call-start":
      return screen.detail(`${event.restart ? "\n" : ""}→ ${event.name} `, true);
    case "tool-call-delta":
      return screen.detail(event.textDelta.replaceAll(/\s+/g, " "));
    case "tool-call":
      await screen.endLine();
      if (event.problemMessage !== undefined) await screen.line(`  ${event.problemMessage}`);
      return;
    case "tool-result":
      return screen.line(describeResult(event));
  }
}

async function showEnd({ toolCalls, text, stoppedBy }: ReplyResult, screen: Screen): Promise<void> {
  await screen.endLine();
  for (const { name, arguments: args } of toolCalls) await write(`${jsonLine({ name, arguments: args })}\n`);
  if (toolCalls.length === 0 && text === "") await write("\n");
  if (stoppedBy !== undefined) note(`(the calls went on and on: ${stoppedBy} ended them)`);
}

function describeResult({ name, content, durationMs }: ToolResultEvent): string {
  const shown = content.length > longestResult ? `${content.slice(0, longestResult)}…` : content;
  return `← ${name} ${shown.replaceAll(/\s+/g, " ")}${durationMs > 0 ? ` (${Math.round(durationMs)} ms)` : ""}`;
}

/** Two streams that may be the same terminal: one ends its line before the other begins. */
class Screen {
  #open: "answer" | "detail" | undefined;

  async answer(text: string): Promise<void> {
    if (text === "") return;
    if (this.#open === "detail") await this.endLine();
    const shown = process.stdout.isTTY ? withoutControls(text) : text;
    await write(shown);
    this.#open = text.endsWith("\n") ? undefined : "answer";
  }

  async detail(text: string, onNewLine = false): Promise<void> {
    if (this.#open === "answer" || onNewLine) await this.endLine();
    process.stderr.write(dim(safe(text)));
    this.#open = "detail";
  }

  async line(text: string): Promise<void> {
    await this.endLine();
    note(safe(text));
  }

  async endLine(): Promise<void> {
    if (this.#open === "answer") await write("\n");
    if (this.#open === "detail") process.stderr.write("\n");
    this.#open = undefined;
  }
}

const safe = (text: string) => (process.stderr.isTTY ? withoutControls(text) : text);
