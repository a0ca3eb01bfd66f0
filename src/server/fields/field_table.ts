// Every field that OpenAI, llama.cpp's server and vLLM document for chat completions and completions, and what becomes
// of it: honored, refused by name, or without effect on the answer. docs/server.md shows this table; a test compares
// the two.

export type Endpoint = "chat" | "completions";

export interface FieldEntry {
  /** With the object it stands in: `stream_options.include_usage`. */
  readonly name: string;
  readonly endpoints: "both" | "chat" | "completions";
  readonly does: "honored" | "refused" | "nothing";
  /** What it means; what to do instead; or why it changes nothing. */
  readonly note: string;
  /** Of a refused field: the values that ask for nothing, and pass. */
  readonly neutral?: readonly unknown[];
}

type Where = Pick<FieldEntry, "endpoints">;
const chat: Where = { endpoints: "chat" };
const completions: Where = { endpoints: "completions" };
const both: Where = { endpoints: "both" };

const honored = (name: string, note: string, where = both): FieldEntry => ({ name, note, does: "honored", ...where });
const nothing = (name: string, note: string, where = both): FieldEntry => ({ name, note, does: "nothing", ...where });
const refused = (name: string, note: string, neutral: readonly unknown[] = [], where = both): FieldEntry => ({
  name,
  note,
  does: "refused",
  neutral,
  ...where,
});

export const fieldTable: readonly FieldEntry[] = [
  honored("model", "a configured name; may be missing if there is only one model"),
  honored("messages", "the conversation", chat),
  honored("prompt", "a string (markup in it becomes control tokens), several, or token ids", completions),
  honored("stream", "server-sent events"),
  honored("stream_options.include_usage", "the last chunk contains the token counts"),
  honored("n", "number of answers to each prompt; at most 32 answers in one request"),
  honored("n_cmpl", "used if `n` is missing"),
  honored("max_completion_tokens", "maximum number of generated tokens; -1 means no limit"),
  honored("max_tokens", "used if `max_completion_tokens` is missing"),
  honored("n_predict", "used if both are missing; -1 means no limit"),
  honored("stop", "up to 16 strings"),
  honored(
    "seed",
    "the n-th answer uses the n-th following seed; every number is a seed, -1 too; without it each request gets a new one",
  ),
  honored("deterministic", "[Reproducible answers](production.md#reproducible-answers)"),
  honored("temperature", "0 to 2"),
  honored("top_p", "0 to 1"),
  honored("top_k", "0 and -1 turn it off"),
  honored("min_p", "0 to 1"),
  honored("repeat_penalty", "1 is off"),
  honored("repetition_penalty", "used if `repeat_penalty` is missing"),
  honored("repeat_last_n", "number of last tokens that the penalties count"),
  honored("min_tokens", "the model cannot end its turn before that many tokens"),
  honored("ignore_eos", "the model cannot end its turn at all"),
  honored("stop_token_ids", "up to 1,000 tokens that end the turn"),
  honored("dry_multiplier", "strength of DRY; 0 is off"),
  ...["dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers"].map((name) =>
    honored(name, "a parameter of DRY"),
  ),
  honored("top_n_sigma", "0 or less is off"),
  honored("typical_p", "1 is off"),
  honored("xtc_probability", "probability of XTC; 0 is off"),
  honored("xtc_threshold", "threshold of XTC"),
  honored("dynatemp_range", "range of the dynamic temperature; 0 is off"),
  honored("dynatemp_exponent", "exponent of the dynamic temperature"),
  honored("mirostat", "0 is off; 1 and 2 replace all samplers that remove candidates"),
  ...["mirostat_tau", "mirostat_eta"].map((name) => honored(name, "a parameter of Mirostat")),
  honored("frequency_penalty", "-2 to 2"),
  honored("presence_penalty", "-2 to 2"),
  honored(
    "logit_bias",
    "token ids with numbers from -100 to 100, as an object or as pairs; false in a pair bans the token",
  ),
  honored("logprobs", "true or false; not together with tools", chat),
  honored("logprobs", "0 to 20", completions),
  honored("top_logprobs", "0 to 20, together with `logprobs`", chat),
  honored("cache_salt", "requests with different salts never share cached tokens"),
  honored("best_of", "must equal `n`: choose among n answers yourself", completions),
  honored("echo", "the answer begins with its prompt", completions),
  honored("tools", "functions", chat),
  honored("tool_choice", "`auto`, `none`, `required`, a function by its name, or `allowed_tools`", chat),
  honored("parallel_tool_calls", "`false`: at most one call", chat),
  honored("chat_template_kwargs.enable_thinking", "whether the model thinks first; other variables are refused", chat),
  honored("chat_template_kwargs.thinking", "the same", chat),
  honored("enable_thinking", "the same", chat),
  honored("reasoning_effort", "`none` and `minimal` turn reasoning off, the others on", chat),
  honored("continue_final_message", "the last message, which is the assistant's, is continued", chat),
  honored("add_generation_prompt", "`false` only together with `continue_final_message`", chat),
  ...["thinking_budget_tokens", "reasoning_budget_tokens", "thinking_token_budget"].map((name) =>
    honored(name, "maximum number of tokens of reasoning; 0 is off, -1 no limit", chat),
  ),
  honored("response_format.type", "`text`, `json_object` or `json_schema`"),
  honored(
    "response_format.json_schema",
    "its `schema`, and optionally a `description`; with `strict` a schema with a keyword that cannot be enforced is refused",
  ),
  honored("response_format.schema", "the schema, as in llama.cpp's server"),
  honored("json_schema", "a JSON Schema of the answer, as in llama.cpp's server"),
  honored("grammar", "llama.cpp's GBNF or llguidance's Lark; not together with tools"),
  honored("guided_json", "a JSON Schema of the answer, as in vLLM"),
  honored("guided_regex", "a regular expression that the whole text matches; not together with tools"),
  honored("guided_choice", "one of these texts; not together with tools"),
  honored("guided_grammar", "the same as `grammar`"),
  ...["json", "regex", "choice", "grammar", "json_object"].map((name) =>
    honored(`structured_outputs.${name}`, "the same in vLLM's newer form"),
  ),

  refused("audio", "the model only writes text.", [], chat),
  refused("modalities", "the model only writes text.", [["text"]], chat),
  refused("functions", "use tools.", [], chat),
  refused("function_call", "use tool_choice.", [], chat),
  refused("web_search_options", "the server does not search; give it a tool.", [], chat),
  refused("verbosity", "say in the messages how long the answer is to be.", ["medium"], chat),
  refused("prompt", "put it into messages, or use completions.", [], chat),
  refused("messages", "use chat completions.", [], completions),
  refused("tools", "use chat completions.", [[]], completions),
  refused("tool_choice", "use chat completions.", ["none"], completions),
  refused("parallel_tool_calls", "use chat completions.", [true], completions),
  refused("top_logprobs", "set logprobs to their number.", [0], completions),
  refused("best_of", "ask for n answers and choose among them.", [1], chat),
  refused("suffix", "the model only continues at the end.", [""], completions),
  ...["structural_tag", "structures", "triggers", "format"].map((name) =>
    refused(`response_format.${name}`, "use tools."),
  ),

  refused("chat_template", "load the model with another template (--chat-template).", [], chat),
  refused("echo", "an answer is never put before the last message.", [false], chat),
  refused("documents", "put them into the messages.", [[]], chat),
  refused("add_special_tokens", "the template decides what precedes the prompt.", [false], chat),
  refused(
    "add_special_tokens",
    "the prompt begins as the model was trained, with one BOS at most.",
    [true],
    completions,
  ),
  refused("use_beam_search", "ask for n answers and choose among them.", [false]),
  refused("include_stop_str_in_output", "the text ends before the stop string.", [false]),
  refused("skip_special_tokens", "control tokens are not part of the text.", [true]),
  refused("truncate_prompt_tokens", "shorten the prompt; /tokenize counts its tokens."),
  refused("prompt_logprobs", "use completions with echo and logprobs."),
  refused("prompt_embeds", "give the prompt as text or token ids.", [], completions),
  refused("logprob_token_ids", "use top_logprobs."),
  refused("logits_processors", "use logit_bias.", [[]]),
  refused("allowed_token_ids", "use guided_choice or guided_regex."),
  refused("bad_words", "use logit_bias.", [[]]),
  refused("watermarking", "watermarks are not supported.", [false]),
  refused("include_reasoning", "reasoning is returned as reasoning_content.", [true], chat),
  refused("return_tokens_as_token_ids", "tokens are returned as text and bytes.", [false]),
  refused("return_token_ids", "use /tokenize.", [false]),
  refused("return_prompt_text", "use /apply-template.", [false], chat),
  refused("repetition_detection", "use repeat_penalty or dry_multiplier."),
  refused("kv_transfer_params", "only one server is supported."),
  refused("ec_transfer_params", "only one server is supported."),
  refused("vllm_xargs", "extensions are not supported.", [{}]),
  refused("guided_whitespace_pattern", "JSON is written with one space after : and ,."),
  refused("structural_tag", "use tools."),
  refused("structured_outputs.structural_tag", "use tools."),
  refused("structured_outputs.whitespace_pattern", "JSON is written with one space after : and ,."),
  refused("structured_outputs.disable_additional_properties", "say additionalProperties: false in the schema.", [
    false,
  ]),

  refused("n_indent", "use guided_regex.", [0]),
  refused("min_keep", "samplers always keep at least one token.", [0, 1]),
  refused("t_max_predict_ms", "use max_tokens.", [0, -1]),
  refused("n_probs", "use logprobs.", [0]),
  refused("post_sampling_probs", "log probabilities are the model's own, before sampling.", [false]),
  refused("return_tokens", "use /tokenize.", [false]),
  refused("response_fields", "the answer always has OpenAI's form.", [[]]),
  refused("samplers", "the order is always llama.cpp's default.", []),
  refused("adaptive_target", "use mirostat.", [-1]),
  refused("lora", "load the model with its adapters merged.", [[]]),
  refused("grammar_lazy", "a grammar constrains the whole text; use tools for calls.", [false]),
  refused("grammar_triggers", "a grammar constrains the whole text; use tools for calls.", [[]]),
  refused("reasoning_format", "reasoning is returned as reasoning_content.", ["auto", "deepseek"], chat),
  refused("reasoning_control", "reasoning cannot be ended early.", [false], chat),
  refused("reasoning_budget_message", "reasoning is ended without a message.", [""], chat),
  refused("thinking_forced_open", "the template begins the answer.", [false], chat),
  refused("generation_prompt", "the template begins the answer.", [""], chat),
  refused("parse_tool_calls", "leave tools out to get calls as text.", [true], chat),
  refused("chat_format", "the model's format decides.", [], chat),
  refused("chat_parser", "the model's format decides.", [""], chat),
  refused("thinking", "use chat_template_kwargs.enable_thinking.", [], chat),

  nothing("user", "the API key tells who asks"),
  nothing("store", "nothing is stored"),
  nothing("metadata", "nothing is stored"),
  nothing("service_tier", "only one is supported"),
  nothing("safety_identifier", "users are not reported"),
  nothing("prompt_cache_key", "prompts are always cached, by their prefixes"),
  nothing("prompt_cache_retention", "prompts are always cached, by their prefixes"),
  nothing("prediction", "it would only speed an answer up", chat),
  nothing("stream_options.include_obfuscation", "chunks are not padded"),
  nothing("stream_options.continuous_usage_stats", "usage is sent with the last chunk"),
  nothing("length_penalty", "a parameter of beam search, which is refused"),
  nothing("early_stopping", "a parameter of beam search, which is refused"),
  nothing("spaces_between_special_tokens", "a parameter of `skip_special_tokens: false`, which is refused"),
  nothing("truncation_side", "a parameter of `truncate_prompt_tokens`, which is refused"),
  nothing("guided_decoding_backend", "only one is supported"),
  nothing("structured_outputs.disable_fallback", "only one backend exists"),
  nothing("structured_outputs.disable_any_whitespace", "white space is fixed"),
  nothing("media_io_kwargs", "media are not supported", chat),
  nothing("mm_processor_kwargs", "media are not supported", chat),
  nothing("return_mm_kwargs", "media are not supported"),
  nothing("return_token_offsets", "a field of endpoints that only vLLM has"),
  nothing("routed_experts_prompt_start", "a field of endpoints that only vLLM has"),
  nothing("priority", "clients do not choose priorities"),
  nothing("request_id", "the response header `x-request-id` contains the id"),
  nothing("session_id", "prompts are always cached, by their prefixes"),
  nothing("stream_interval", "each piece is sent at once"),
  nothing("n_keep", "the context is never shifted: the answer ends when it is full"),
  nothing("n_discard", "the context is never shifted: the answer ends when it is full"),
  nothing("n_cache_reuse", "prompts are always cached, by their prefixes"),
  nothing("cache_prompt", "prompts are always cached, by their prefixes"),
  nothing("id_slot", "there are no slots"),
  nothing("timings_per_token", "see `/metrics`"),
  nothing("return_progress", "see `/metrics`"),
  nothing("sse_ping_interval", "`heartbeatMs` of the server decides"),
  nothing("verbose", "see `/apply-template`"),
  nothing("backend_sampling", "it decides where tokens are sampled, not how"),
  nothing("adaptive_decay", "a parameter of `adaptive_target`, which is refused"),
  nothing("preserved_tokens", "a parameter of `grammar_triggers`, which is refused"),
  nothing("models", "a field of routers"),
  nothing("provider", "a field of routers"),
];

/** Of each endpoint by their names; those that only the other one honors or refuses are refused here. */
export const fieldsOf: Readonly<Record<Endpoint, ReadonlyMap<string, FieldEntry>>> = {
  chat: withStrangers("chat", "it is a field of completions."),
  completions: withStrangers("completions", "it is a field of chat completions."),
};

function withStrangers(endpoint: Endpoint, note: string): ReadonlyMap<string, FieldEntry> {
  const isHere = ({ endpoints }: FieldEntry) => endpoints === "both" || endpoints === endpoint;
  const strangers = fieldTable
    .filter((entry) => !isHere(entry))
    .map((entry): FieldEntry => (entry.does === "nothing" ? entry : { ...entry, does: "refused", note }));
  return new Map([...strangers, ...fieldTable.filter(isHere)].map((entry) => [entry.name, entry]));
}
