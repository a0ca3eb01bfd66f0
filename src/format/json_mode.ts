// JSON mode: what the system turn says when the answer is to be JSON of a schema.
import { hideTags, toPythonJson } from "./hermes/prompt/prompt_json.js";

/** The wording around a schema, and the schema as JSON in which no tag can be read. */
export interface SchemaText {
  readonly before: string;
  readonly json: string;
  readonly after: string;
}

/** The model card's sentence, with real newlines where the card prints `\n`. */
export function jsonModeText(schema: Readonly<Record<string, unknown>>): SchemaText {
  return around("You are a helpful assistant that answers in JSON. Here's the json schema you must adhere to:", schema);
}

/**
 * With tools in the same run the card has no wording. This one keeps the sentence the model was trained on and says
 * when it holds: a call is not the answer, and the answer comes once no call is needed any more.
 */
export function finalAnswerText(schema: Readonly<Record<string, unknown>>): SchemaText {
  return around(
    "Once no more function calls are needed, give the final answer in JSON, without any other text. Here's the json schema you must adhere to:",
    schema,
  );
}

function around(sentence: string, schema: Readonly<Record<string, unknown>>): SchemaText {
  return { before: `${sentence}\n<schema>\n`, json: hideTags(toPythonJson(schema)), after: "\n</schema>" };
}
