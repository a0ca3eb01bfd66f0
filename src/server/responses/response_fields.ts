// Every field that OpenAI documents for responses.
import { FieldTable, honored, nothing, refused } from "../fields/field_table.js";
import { samplingFields } from "../fields/sampling_field_list.js";
import { fieldsOf } from "../openai/openai_fields.js";

const items =
  "input: a string, or items of the types `message`, `function_call`, `function_call_output`, `reasoning`, `custom_tool_call`, `custom_tool_call_output` and `item_reference`";

export const responseFields = new FieldTable(
  [
    honored("model", "a configured name; may be missing if there is only one model"),
    honored("input", items),
    honored("instructions", "the system message, which comes first; not taken over from an earlier response"),
    honored("previous_response_id", "a [stored response](#stored-responses), whose conversation goes on"),
    honored("store", "`false`: the response is not stored"),
    honored("metadata", "up to 16 texts, which the response contains"),
    honored("stream", "server-sent events"),
    honored("max_output_tokens", "maximum number of generated tokens, those of reasoning included; -1 means no limit"),
    honored("stop", "up to 16 strings; OpenAI's endpoint does not have it"),
    ...samplingFields,
    honored("tools", "functions, custom tools without a grammar, and namespaces of both"),
    honored("tool_choice", "`auto`, `none`, `required`, a function or custom tool by its name, or `allowed_tools`"),
    honored("parallel_tool_calls", "`false`: at most one call"),
    honored(
      "text.format",
      "`text`, `json_object` or `json_schema`; with `strict` a schema with a keyword that cannot be enforced is refused",
    ),
    honored("reasoning.effort", "`none` and `minimal` turn reasoning off, the others on if the model has it"),
    honored("reasoning.summary", "the reasoning comes as a summary, which is all of it"),
    honored("include", "`message.output_text.logprobs`; what belongs to other tools has no effect"),
    honored("top_logprobs", "0 to 20, together with these"),
    honored("truncation", "`auto`: the oldest turns are left out where the conversation does not fit"),

    refused("background", "the response is generated while its client waits.", [false]),
    refused("conversation", "use previous_response_id."),
    refused("prompt", "put it into input."),
    refused("moderation", "the server does not moderate."),
    refused("context_management", "use truncation.", [[]]),
    refused("text.verbosity", "say in the instructions how long the answer is to be.", ["medium"]),
    refused("messages", "use input."),
    refused("response_format", "use text.format."),
    refused("reasoning_effort", "use reasoning.effort."),
    refused("max_tokens", "use max_output_tokens."),
    refused("max_completion_tokens", "use max_output_tokens."),
    refused("logprobs", "use include."),
    refused("n", "a response has one answer.", [1]),
    refused("functions", "use tools."),
    refused("function_call", "use tool_choice."),
    refused("stream_options.include_usage", "the last event always contains the token counts.", [true]),

    nothing("user", "the API key tells who asks"),
    nothing("safety_identifier", "users are not reported"),
    nothing("service_tier", "only one is supported"),
    nothing("max_tool_calls", "it limits tools that the server runs, and it runs none"),
    nothing("prompt_cache_key", "prompts are always cached, by their prefixes"),
    nothing("prompt_cache_retention", "prompts are always cached, by their prefixes"),
    nothing("prompt_cache_options", "prompts are always cached, by their prefixes"),
    nothing("stream_options.include_obfuscation", "events are not padded"),
    nothing("reasoning.generate_summary", "an older name of `reasoning.summary`"),
    nothing("client_metadata", "the API key tells who asks"),
  ],
  [...fieldsOf.chat.own, ...fieldsOf.completions.own],
  "it is a field of chat completions.",
);
