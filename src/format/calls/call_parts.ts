// A call as a model writes it at the beginning of its turn, for prompts that go on from it.
import type { CallFormat } from "../../engine/call_format.js";
import type { PromptPart } from "../../engine/engine.js";
import { respaceJson } from "../hermes/prompt/prompt_json.js";
import type { PlainToolCall } from "../plain_message.js";
import type { TemplateCalls } from "./call_reading.js";

const hermesFormat: Pick<CallFormat, "begin" | "call"> = {
  begin: "",
  call: ['<tool_call>\n{"name": "', { value: "name" }, '", "arguments": ', { value: "arguments" }, "}\n</tool_call>"],
};

/** Markup is control, what the model chose is text. Undefined where arguments are not written as JSON. */
export function callParts(
  calls: TemplateCalls,
  { id = "", name, arguments: args }: PlainToolCall,
): PromptPart[] | undefined {
  if (calls.kind === "unknown") return undefined;
  const { begin, call } = calls.kind === "own" ? calls.format : hermesFormat;
  const isOwn = calls.kind === "own";
  if (isOwn && (calls.format.arguments !== "json" || calls.format.messages !== undefined)) return undefined;
  const values = { id, name, index: "0", arguments: respaceJson(args) ?? args, optional: "" };
  const parts = call.map(
    (piece): PromptPart => (typeof piece === "string" ? { control: piece } : { text: values[piece.value] }),
  );
  return begin === "" ? parts : [{ control: begin }, ...parts];
}
