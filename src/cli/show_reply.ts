// A reply as people see it: its text on standard output, what happens around it on standard error.
import type { Reply, ReplyEvent, ToolResultEvent } from "../index.js";
import { jsonLine } from "./result_fields.js";
import { dim, note, withoutControls, write } from "./terminal.js";

const longestResult = 300;

/**
 * Streams a reply, and ends its text with a newline. Calls that nobody has run are lines of JSON on standard output.
 * `showsCalls`: calls are shown as they are written.
 */
export async function showReply(reply: Reply, { showsCalls = false } = {}): Promise<void> {
  const screen = new Screen();
  try {
    for await (const event of reply) await show(event, screen, showsCalls);
  } catch (error) {
    // The message to come begins on a line of its own.
    await screen.endLine();
    throw error;
  }
}

async function show(event: ReplyEvent, screen: Screen, showsCalls: boolean): Promise<void> {
  switch (event.type) {
    case "text": return screen.answer(event.text);
    case "reasoning": return screen.remark(event.text);
    case "malformed": return screen.line(`(a call that cannot be read: ${event.text})`);
    case "repeated-call": return screen.line(`(${event.name} would have been called a second time in the same way: the turn ended there)`);
    case "dropped": return screen.line(`(the conversation was too long: its ${event.messages.length} oldest messages were dropped)`);
    case "warning": return screen.line(`(${event.message})`);
    case "finish":
      await screen.endLine();
      for (const { name, arguments: args } of event.toolCalls) await write(`${jsonLine({ name, arguments: args })}\n`);
      if (event.toolCalls.length === 0 && event.text === "") await write("\n");
      if (event.valueProblem !== undefined) note(event.valueProblem.message);
      if (event.stoppedBy !== undefined) note(`(the calls went on and on: ${event.stoppedBy} ended them)`);
      return;
    default:
      if (!showsCalls) return;
  }
  switch (event.type) {
    case "tool-call-start": return screen.remark(`${event.restart ? "\n" : ""}→ ${event.name} `, true);
    case "tool-call-delta": return screen.remark(event.textDelta.replaceAll(/\s+/g, " "));
    case "tool-call":
      await screen.endLine();
      if (event.problemMessage !== undefined) await screen.line(`  ${event.problemMessage}`);
      return;
    case "tool-result": return screen.line(describeResult(event));
  }
}

function describeResult({ name, content, durationMs }: ToolResultEvent): string {
  const shown = content.length > longestResult ? `${content.slice(0, longestResult)}…` : content;
  return `← ${name} ${shown.replaceAll(/\s+/g, " ")}${durationMs > 0 ? ` (${Math.round(durationMs)} ms)` : ""}`;
}

/** Two streams that may be the same terminal: one ends its line before the other begins. */
class Screen {
  #open: "answer" | "remark" | undefined;

  async answer(text: string): Promise<void> {
    if (text === "") return;
    if (this.#open === "remark") await this.endLine();
    const shown = process.stdout.isTTY ? withoutControls(text) : text;
    await write(shown);
    this.#open = text.endsWith("\n") ? undefined : "answer";
  }

  async remark(text: string, onNewLine = false): Promise<void> {
    if (this.#open === "answer" || onNewLine) await this.endLine();
    process.stderr.write(dim(safe(text)));
    this.#open = "remark";
  }

  async line(text: string): Promise<void> {
    await this.endLine();
    note(safe(text));
  }

  async endLine(): Promise<void> {
    if (this.#open === "answer") await write("\n");
    if (this.#open === "remark") process.stderr.write("\n");
    this.#open = undefined;
  }
}

const safe = (text: string) => (process.stderr.isTTY ? withoutControls(text) : text);
