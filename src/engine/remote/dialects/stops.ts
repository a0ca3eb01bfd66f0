// Which stop strings a server is given, and which are looked for here.
import { headOf, tailOf } from "../../call_format.js";
import type { ServerPiece, ServerRequest } from "../remote_server.js";
import { StopStringFilter, type Ignored } from "./stop_string_filter.js";

/** `most`: how many the server takes. */
export function serverStops({ stop, constraint, thought }: ServerRequest, most: number): readonly string[] {
  return constraint?.kind === "tools" || thought !== undefined || stop.length > most ? [] : stop;
}

/** The answer up to the first stop string, where the server was not given them. */
export async function* untilStop(
  pieces: AsyncIterable<ServerPiece>,
  request: ServerRequest,
  given: readonly string[],
): AsyncGenerator<ServerPiece, void, undefined> {
  const { stop, thought } = request;
  if (stop.length === 0 || given.length > 0) {
    yield* pieces;
    return;
  }
  const filter = new StopStringFilter(stop, ignored(request), thought?.open === true);
  for await (const piece of pieces) {
    if (piece.type === "delta") {
      const { text, stop: found } = filter.read(piece.text);
      yield { ...piece, text };
      if (found === undefined) continue;
      yield { type: "end", finishReason: "stop", stopString: found };
      return;
    }
    const left = piece.type === "end" ? filter.end() : "";
    if (left !== "") yield { type: "delta", text: left, tokens: new Int32Array() };
    yield piece;
  }
}

function ignored({ constraint, thought }: ServerRequest): Ignored[] {
  const thoughts = thought === undefined ? [] : [{ opening: thought.opening, closing: thought.closing }];
  if (constraint?.kind !== "tools") return thoughts;
  const { format } = constraint;
  const call =
    format === undefined
      ? { opening: "<tool_call>", closing: "</tool_call>" }
      : { opening: (format.begin + headOf(format.call)).trim(), closing: (tailOf(format.call) + format.end).trim() };
  return [...thoughts, ...(call.opening === "" || call.closing === "" ? [] : [call])];
}
