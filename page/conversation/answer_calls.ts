// Answers the calls of a turn: browser tools run by themselves; for other tools the user types the result, which is
// also the approval.
import { browserTools } from "../tools/browser_tools.js";
import type { AnswerEntry, Call } from "./entry.js";
import { announcement } from "./store.js";

/** Receivers of typed results, by call id. */
const asked = new Map<string, (result: string) => void>();

export function giveResult(callId: string, result: string): void {
  asked.get(callId)?.(result);
}

/** All at once. An answer that was stopped meanwhile comes back as such. */
export async function answerCalls(
  answer: AnswerEntry,
  show: (answer: AnswerEntry) => void,
  signal: AbortSignal,
): Promise<AnswerEntry> {
  let now = answer;
  const change = (index: number, change: Partial<Call>) => {
    now = { ...now, calls: now.calls.map((call, one) => (one === index ? { ...call, ...change } : call)) };
    show(now);
  };
  const work = now.calls.map(async (call, index) => {
    const tool = browserTools.find(({ name }) => name === call.name);
    if (tool === undefined) change(index, { state: "asking" });
    change(index, { result: await (tool === undefined ? ask(call) : runTool(tool.execute, call)), state: "done" });
  });
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([Promise.all(work), stopped]);
  for (const { id } of now.calls) asked.delete(id);
  if (signal.aborted) {
    now = {
      ...now,
      state: "stopped",
      calls: now.calls.map((call) => (call.state === "done" ? call : { ...call, state: "left" })),
    };
    show(now);
  }
  return now;
}

function ask({ id, name }: Call): Promise<string> {
  announcement.value = `The model calls ${name}. Its result is asked of you.`;
  return new Promise((resolve) => asked.set(id, resolve));
}

/** Errors are returned as text for the model. */
async function runTool(
  execute: (values: Record<string, unknown>) => unknown,
  { argumentsText }: Call,
): Promise<string> {
  try {
    return JSON.stringify(execute(JSON.parse(argumentsText) as Record<string, unknown>));
  } catch (error) {
    return JSON.stringify({ error: (error as Error).message });
  }
}
