// `withStructuredOutput`: what the model is bound to, and how its message becomes the value.
import type { AIMessage } from "@langchain/core/messages";
import { JsonOutputParser, OutputParserException } from "@langchain/core/output_parsers";
import { RunnableLambda, RunnablePassthrough, RunnableSequence, type Runnable } from "@langchain/core/runnables";
import { toJsonSchema } from "@langchain/core/utils/json_schema";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonSchema } from "../../index.js";

export type StructuredOutputMethod = "functionCalling" | "jsonMode" | "jsonSchema";

/** A schema of zod, valibot or the like, JSON Schema, or OpenAI's form of a function. */
export type OutputSchema<T extends Record<string, any>> = StandardSchemaV1<any, T> | Record<string, any>;

export interface OutputPlan {
  readonly name: string;
  readonly jsonSchema: JsonSchema;
  /** Takes the model's message. */
  readonly parser: Runnable<any, any>;
}

export function planOutput(
  schema: OutputSchema<any>,
  method: StructuredOutputMethod,
  { name: given }: { readonly name?: string | undefined },
): OutputPlan {
  const standard = isStandard(schema) ? schema : undefined;
  const plain = schema as Record<string, any>;
  const isFunction = typeof plain["name"] === "string" && typeof plain["parameters"] === "object";
  const jsonSchema = (
    standard !== undefined ? toJsonSchema(plain as never) : isFunction ? plain["parameters"] : plain
  ) as JsonSchema;
  const named = isFunction ? plain["name"] : jsonSchema["title"];
  const name = given ?? (typeof named === "string" && /^[a-zA-Z0-9_.-]{1,64}$/.test(named) ? named : "extract");
  const parser =
    method !== "functionCalling" && standard === undefined
      ? // It also reads JSON that is still growing.
        new JsonOutputParser()
      : RunnableLambda.from(async (message: AIMessage) => {
          const value = method === "functionCalling" ? argumentsOf(message, name) : parse(message.text);
          return standard === undefined ? value : validate(standard, value);
        });
  return { name, jsonSchema, parser };
}

/** The model with its parser; with `includeRaw` its message as well, and null where that cannot be parsed. */
export function pipeline(llm: Runnable<any, any>, { parser }: OutputPlan, includeRaw: boolean): Runnable<any, any> {
  if (!includeRaw) return llm.pipe(parser).withConfig({ runName: "StructuredOutput" });
  const parsed = RunnablePassthrough.assign({
    parsed: (input: Record<string, any>, config) => parser.invoke(input["raw"], config),
  }).withFallbacks({ fallbacks: [RunnablePassthrough.assign({ parsed: () => null })] });
  return RunnableSequence.from([{ raw: llm }, parsed]).withConfig({ runName: "StructuredOutputRunnable" });
}

const isStandard = (schema: object): schema is StandardSchemaV1 => "~standard" in schema;

function argumentsOf({ tool_calls = [] }: AIMessage, name: string): unknown {
  const call = tool_calls.find((one) => one.name === name);
  if (call === undefined) throw new OutputParserException(`The model made no call of ${name}.`);
  return call.args;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new OutputParserException(`The answer is not JSON: ${(error as Error).message}.`, text);
  }
}

async function validate(schema: StandardSchemaV1, value: unknown): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message }) => message).join(" ");
  throw new OutputParserException(`The answer does not fit its schema: ${issues}`, JSON.stringify(value));
}
