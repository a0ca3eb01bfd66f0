// Calls as a model writes them, for prompts: markup is control, what the model chose is text.
import { isNotation, type CallFormat, type NotationForm } from "../../engine/call_format.js";
import type { PromptPart } from "../../engine/engine.js";
import { respaceJson } from "../hermes/prompt/prompt_json.js";
import type { PlainToolCall } from "../plain_message.js";
import type { TemplateCalls } from "./call_reading.js";

const hermesFormat: Pick<CallFormat, "begin" | "call" | "arguments"> = {
  begin: "",
  call: ['<tool_call>\n{"name": "', { value: "name" }, '", "arguments": ', { value: "arguments" }, "}\n</tool_call>"],
  arguments: "json",
};

/** A call at the beginning of a turn, which goes on from it. Undefined where calls cannot be written here. */
export function callParts(calls: TemplateCalls, call: PlainToolCall): PromptPart[] | undefined {
  if (calls.kind === "unknown") return undefined;
  const format = calls.kind === "own" ? calls.format : hermesFormat;
  if (!isWritable(format) || (calls.kind === "own" && calls.format.messages !== undefined)) return undefined;
  return [...control(format.begin), ...partsOf(format, call, 0)];
}

/** All calls of a turn; their arguments are JSON or Python's. */
export function turnParts(format: CallFormat, calls: readonly PlainToolCall[]): PromptPart[] {
  const { begin, between, end } = format;
  const parts = calls.flatMap((call, index) => [
    ...control(index === 0 ? begin : between),
    ...partsOf(format, call, index),
  ]);
  return [...parts, ...control(end)];
}

const isWritable = ({ arguments: form }: Pick<CallFormat, "arguments">) =>
  form === "json" || (isNotation(form) && form.quote === undefined);

const control = (text: string): PromptPart[] => (text === "" ? [] : [{ control: text }]);

function partsOf(
  { call, arguments: form }: Pick<CallFormat, "call" | "arguments">,
  { id = "", name, arguments: args }: PlainToolCall,
  index: number,
): PromptPart[] {
  const json = respaceJson(args) ?? args;
  const written = isNotation(form) ? inPython(json, form) : json;
  const values = { id, name, index: String(index), arguments: written, optional: "" };
  return call
    .map((piece): PromptPart => (typeof piece === "string" ? { control: piece } : { text: values[piece.value] }))
    .filter((part) => !("text" in part) || part.text !== "");
}

const pythonWords = new Map([
  ["true", "True"],
  ["false", "False"],
  ["null", "None"],
]);

/** Members of a JSON object as Python's keywords. Their values are JSON, but for words that Python has others for. */
function inPython(json: string, { assign, comma }: NotationForm): string {
  return membersOf(json)
    .map(([key, value]) => `${key}${assign}${pythonWords.get(value) ?? value}`)
    .join(comma);
}

/** Names and texts of the values in an object, which is valid JSON with Python's spacing. */
function membersOf(json: string): [key: string, value: string][] {
  const members: [string, string][] = [];
  const structure = /["[\]{},]/g;
  structure.lastIndex = 1;
  let depth = 0;
  let from = 1;
  for (let found = structure.exec(json); found !== null; found = structure.exec(json)) {
    const { index, 0: character } = found;
    if (character === '"') {
      structure.lastIndex = behindString(json, index);
    } else if ("[{".includes(character)) {
      depth++;
    } else if (depth > 0) {
      if (character !== ",") depth--;
    } else {
      const value = json.indexOf('"', from) < 0 ? -1 : behindString(json, json.indexOf('"', from));
      if (value > 0 && value <= index)
        members.push([
          JSON.parse(json.slice(json.indexOf('"', from), value)) as string,
          json.slice(value + 1, index).trim(),
        ]);
      from = index + 1;
    }
  }
  return members;
}

function behindString(json: string, at: number): number {
  const inString = /["\\]/g;
  inString.lastIndex = at + 1;
  while (inString.exec(json)?.[0] === "\\") inString.lastIndex++;
  return inString.lastIndex;
}
