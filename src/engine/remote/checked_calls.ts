// Whether a server that was asked for calls has begun one: some have been seen to end a named choice with plain text.
import { openingsOf } from "../call_format.js";
import { CaduceusError } from "../../errors.js";
import type { ToolConstraint } from "../engine.js";
import type { ServerPiece, ServerRequest } from "./remote_server.js";

/** The same pieces; throws at the end of an answer that had to be calls and has none. */
export async function* checkedCalls(
  pieces: AsyncIterable<ServerPiece>,
  { constraint, thought }: Pick<ServerRequest, "constraint" | "thought">,
): AsyncGenerator<ServerPiece, void, undefined> {
  if (constraint?.kind !== "tools" || constraint.mode !== "required" || constraint.continues === true) {
    yield* pieces;
    return;
  }
  let text = "";
  for await (const piece of pieces) {
    if (piece.type === "delta") text += piece.text;
    if (piece.type !== "end" || piece.finishReason !== "stop") {
      yield piece;
      continue;
    }
    const answer = thought === undefined ? text : text.slice(text.lastIndexOf(thought.closing) + 1);
    if (!hasOpening(answer, constraint))
      throw new CaduceusError(
        "UPSTREAM_INVALID",
        "The server ended its answer without the call that it was asked for.",
      );
    yield piece;
  }
}

/** White space in a call is the model's own. */
function hasOpening(text: string, { format, tools }: ToolConstraint): boolean {
  const names = tools.map(({ name }) => name);
  const openings = format === undefined ? ["<tool_call>"] : openingsOf(format, names).map((one) => one.text);
  const plain = text.replaceAll(/\s/g, "");
  return openings.some((opening) => plain.includes(opening.replaceAll(/\s/g, "")));
}
