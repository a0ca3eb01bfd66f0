// How a prompt came about, for people.
import type { Explanation } from "../../index.js";
import { dim, withoutControls } from "./terminal.js";

/** For the stream it is written to. */
export function describeExplanation(
  { format, reason, prompts, unenforced }: Explanation,
  stream: NodeJS.WriteStream,
): string {
  const show = (text: string) => (stream.isTTY ? withoutControls(text) : text);
  const lines = [`Format: ${format}`, `Why: ${reason}`];
  const [constraint] = prompts.flatMap((prompt) => prompt.constraint ?? []);
  if (constraint?.kind === "tools")
    lines.push(
      `Constrained by: ${constraint.schema === undefined ? "" : "the schema or "}calls of ${constraint.tools.map(({ name }) => name).join(", ")} (${constraint.mode}, ${constraint.order})`,
    );
  else if (constraint !== undefined) lines.push(`Constrained by: ${constraint.kind}`);
  const [thought] = prompts.flatMap((prompt) => prompt.thought ?? []);
  if (thought !== undefined)
    lines.push(
      `May think first: ${thought.open ? "the prompt begins the thought" : `between ${thought.opening} and ${thought.closing}`}${thought.maxTokens === undefined ? "" : `, at most ${thought.maxTokens} tokens`}`,
    );
  for (const { path, keyword, reason: why } of unenforced) lines.push(`Only checked: ${keyword} of ${path}: ${why}`);
  for (const { text, tokens, continues, promptTokens = tokens.length, cachedTokens = 0 } of prompts) {
    lines.push(
      "",
      dim(continues ? "--- prompt, after the tokens so far ---" : "--- prompt ---", stream),
      show(text),
      "",
      dim(`--- ${promptTokens} tokens, ${cachedTokens} of them cached ---`, stream),
    );
    for (const { id, text: token } of tokens) lines.push(`${String(id).padStart(6)}  ${JSON.stringify(token)}`);
  }
  return `${lines.join("\n")}\n`;
}
