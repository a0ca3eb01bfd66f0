// The conversation at the terminal: questions, what the model does, and whether it may.
import { createInterface } from "node:readline/promises";
import { createTools, describeChange } from "./tools.mjs";

const system =
  "You are a programmer who works on the files of one folder, by tools. Look before you change anything, make small " +
  "changes, and run the tests afterwards. Say in one sentence what you did.";

/**
 * @param {import("caduceus").Model} model @param {import("./workspace.mjs").Workspace} workspace
 * @param {readonly string[]} testCommand
 */
export async function runSession(model, workspace, testCommand) {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new AbortController();
  /** The turn that runs. @type {AbortController | undefined} */
  let turn;
  let isInterrupted = false;
  terminal.on("close", () => ended.abort());
  terminal.on("SIGINT", () => {
    if (isInterrupted) terminal.close();
    isInterrupted = true;
    turn?.abort();
    show(turn === undefined ? "\n(Ctrl-C again ends.)\n> " : "\n(Stopped. Ctrl-C again ends.)\n");
  });

  /** @param {import("caduceus").CallToApprove} call @param {{ readonly signal: AbortSignal }} context */
  async function approve(call, { signal }) {
    try {
      const change = await describeChange(workspace, testCommand, call);
      if (change === undefined) return true;
      show(`\n${change}\n`);
      const answer = await terminal.question("Allow it? [y/N, or why not] ", { signal });
      if (answer === "y") return true;
      return { allow: false, reason: answer === "" ? "The user does not want that." : `The user says: ${answer}` };
    } catch (error) {
      return { allow: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  const chat = model.chat({
    system,
    tools: createTools(workspace, testCommand),
    approve,
    parallelToolCalls: false, // each change is decided upon with the one before it in sight
    maxRounds: 20,
    maxTokens: 2_000,
    contextOverflow: "drop-oldest",
    toolTimeoutMs: 300_000,
  });

  while (!ended.signal.aborted) {
    const question = await terminal.question("> ", { signal: ended.signal }).catch(() => "");
    isInterrupted = false;
    if (question.trim() === "") continue;
    turn = new AbortController();
    const signal = AbortSignal.any([turn.signal, ended.signal]);
    try {
      for await (const event of chat.send(question, { signal })) showEvent(event);
    } catch (error) {
      if (!signal.aborted) show(`\n${error instanceof Error ? error.message : error}\n`);
    }
    turn = undefined;
  }
  await chat.close();
}

/** @param {import("caduceus").ReplyEvent} event */
function showEvent(event) {
  if (event.type === "text") show(event.text);
  if (event.type === "tool-call") show(`\n[${event.name} ${event.argumentsText.slice(0, 200)}]\n`);
  if (event.type === "tool-result" && event.failure !== undefined) show(`[${event.failure}: ${event.content}]\n`);
  if (event.type === "finish") show(event.stoppedBy === undefined ? "\n" : `\n(${event.stoppedBy})\n`);
}

/** Without what moves the cursor or turns the writing around: what is allowed must be what was shown. */
const show = (/** @type {string} */ text) =>
  process.stdout.write(text.replaceAll(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "\ufffd"));
