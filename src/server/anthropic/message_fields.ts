// Every field that Anthropic documents for messages.
import { FieldTable, honored, nothing, refused } from "../fields/field_table.js";
import { samplingFields } from "../fields/sampling_field_list.js";
import { fieldsOf } from "../openai/openai_fields.js";

export const messageFields = new FieldTable(
  [
    honored("model", "a configured name; may be missing if there is only one model"),
    honored("messages", "content blocks of the types `text`, `tool_use`, `tool_result` and `thinking`"),
    honored("system", "the system message: a string or text blocks"),
    honored("max_tokens", "maximum number of generated tokens, those of thinking included; may be missing"),
    honored("stop_sequences", "up to 16 strings"),
    honored("stream", "server-sent events"),
    ...samplingFields,
    honored("tools", "tools with an `input_schema`"),
    honored("tool_choice", "`auto`, `any`, `tool` or `none`, with `disable_parallel_tool_use`"),
    honored(
      "thinking",
      "`disabled` turns it off, `enabled` on with at most `budget_tokens`, `adaptive` leaves it to the model; without effect on a model that does not think",
    ),
    honored("output_config.format", "a `json_schema` of the answer"),
    honored("output_format", "the same in its older form"),

    refused("mcp_servers", "the server runs no tools.", [[]]),
    refused("container", "the server runs no tools."),
    refused("thread", "send the whole conversation."),
    refused("fallbacks", "choose another model yourself.", [[]]),
    refused("stop", "use stop_sequences."),
    refused("max_completion_tokens", "use max_tokens."),
    refused("max_output_tokens", "use max_tokens."),
    refused("n", "a message has one answer.", [1]),

    nothing("metadata", "the API key tells who asks"),
    nothing("service_tier", "only one is supported"),
    nothing("cache_control", "prompts are always cached, by their prefixes"),
    nothing("context_management", "the conversation is used as it is sent"),
    nothing("output_config.effort", "`thinking` decides whether the model thinks"),
    nothing("output_config.task_budget", "use max_tokens"),
    nothing("compaction", "the conversation is used as it is sent"),
    nothing("billing_policy", "nothing is billed"),
    nothing("fallback_credit_token", "nothing is billed"),
    nothing("user_profile_id", "the API key tells who asks"),
    nothing("workspace_id", "the API key tells who asks"),
    nothing("inference_geo", "inference runs where the server runs"),
    nothing("speed", "only one is supported"),
    nothing("betas", "a header, which has no effect either"),
    nothing("diagnostics", "see `/metrics`"),
  ],
  [...fieldsOf.chat.own, ...fieldsOf.completions.own],
  "it is a field of chat completions.",
);
