// The system turn's wording in each prompt variant. The models were trained on these sentences: tests pin them word for
// word.
import { finalAnswerText, jsonModeText } from "../../json_mode.js";
import { cardDefinition, templateDefinition, type PromptTool } from "./tools_json.js";

/**
 * `card`: the model card of Hermes 2 Pro on Mistral. `tool-use`: the Jinja template published with later Hermes models,
 * with its mistakes corrected. `hermes3`: the same, and room for a scratch pad.
 */
export type HermesVariant = (typeof hermesVariants)[number];
export const hermesVariants = ["card", "tool-use", "hermes3"] as const;

export interface SystemTurn {
  readonly variant: HermesVariant;
  readonly tools: readonly PromptTool[];
  /** JSON Schema of the final answer. */
  readonly schema?: Readonly<Record<string, unknown>> | undefined;
  /** `hermes3` only: the model is to write down goal, actions, observation and reflection before it calls. */
  readonly scratchPad?: boolean | undefined;
  /** Adds `parallelHintText` behind the tools. */
  readonly parallelHint?: boolean | undefined;
}

/** No wording of Hermes' own: it makes models call more than once that were not trained on parallel calls. */
export const parallelHintText =
  "If the user asks for several things, make one call for each of them, one <tool_call> block after the other.";

const introduction =
  "You are a function calling AI model. You are provided with function signatures within <tools></tools> XML tags. You may call one or more functions to assist with the user query. Don't make assumptions about what values to plug into functions. Here are the available tools: <tools> ";

const cardCall = `Use the following pydantic model json schema for each tool call you will make: {"properties": {"arguments": {"title": "Arguments", "type": "object"}, "name": {"title": "Name", "type": "string"}}, "required": ["arguments", "name"], "title": "FunctionCall", "type": "object"} For each function call return a json object with function name and arguments within <tool_call></tool_call> XML tags as follows:
<tool_call>
{"arguments": <args-dict>, "name": <function-name>}
</tool_call>`;

const templateSchema = `Use the following pydantic model json schema for each tool call you will make: {"properties": {"name": {"title": "Name", "type": "string"}, "arguments": {"title": "Arguments", "type": "object"}}, "required": ["name", "arguments"], "title": "FunctionCall", "type": "object"}
For each function call return a json object with function name and arguments within <tool_call></tool_call> XML tags`;

const templateCall = `<tool_call>
{"name": <function-name>, "arguments": <args-dict>}
</tool_call>`;

// The wording that Hermes 3's authors give for the scratch pad, put before the example of a call, where it is to stand.
const scratchPadText = `. You must use <scratch_pad> </scratch_pad> XML tags to record your reasoning and planning before you call the functions as follows:
<scratch_pad>
Goal: <state task assigned by user>
Actions:
<if tool calls need to be generated:>
- {result_var_name1} = functions.{function_name1}({param1}={value1},...)
<if no tool call needs to be generated:> None
Observation: <set observation 'None' with tool calls; plan final tools results summary when provided>
Reflection: <evaluate query-tool relevance and required parameters when tools called; analyze overall task status when observations made>
</scratch_pad>
`;

/**
 * This library's part of the system turn, in parts: `own` is its wording, the others come from the caller's tools
 * and schema.
 */
export function systemParts({
  variant,
  tools,
  schema,
  scratchPad = false,
  parallelHint = false,
}: SystemTurn): { own: boolean; text: string }[] {
  const parts: { own: boolean; text: string }[] = [];
  const own = (text: string) => parts.push({ own: true, text });
  const given = (text: string) => parts.push({ own: false, text });
  if (tools.length > 0) {
    own(introduction);
    if (variant === "card") {
      for (const tool of tools) given(`${cardDefinition(tool)} `);
      own(` </tools> ${cardCall}`);
    } else {
      given(tools.map(templateDefinition).join("\n"));
      own(
        ` </tools>${templateSchema}${variant === "hermes3" && scratchPad ? scratchPadText : " as follows:\n"}${templateCall}`,
      );
    }
  }
  if (tools.length > 0 && parallelHint) own(`\n${parallelHintText}`);
  if (schema !== undefined) {
    if (tools.length > 0) own("\n\n");
    const { before, json, after } = tools.length > 0 ? finalAnswerText(schema) : jsonModeText(schema);
    own(before);
    given(json);
    own(after);
  }
  return parts;
}
