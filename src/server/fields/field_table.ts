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
  honored("model", "a configured name; may be left out where there is one"),
  honored("messages", "the conversation", chat),
  honored("prompt", "a string (in which markup is read), several, or token ids", completions),
  honored("stream", "server-sent events"),
  honored("stream_options.include_usage", "a last chunk counts the tokens"),
  honored("n", "answers to each prompt; at most 32 answers in one request"),
  honored("n_cmpl", "the same, where `n` is missing"),
  honored("max_completion_tokens", "longest answer; -1 is no limit"),
  honored("max_tokens", "the same, where `max_completion_tokens` is missing"),
  honored("n_predict", "the same, where both are missing; -1 is no limit"),
  honored("stop", "up to 16 strings"),
  honored(
    "seed",
    "the n-th answer has the n-th next seed; every number is a seed, -1 too: leave it out for a new one each time",
  ),
  honored("deterministic", "as in [The same answer again](production.md#the-same-answer-again)"),
  honored("temperature", "0 to 2"),
  honored("top_p", "0 to 1"),
  honored("top_k", "0 and -1 keep all"),
  honored("min_p", "0 to 1"),
  honored("repeat_penalty", "1 is off"),
  honored("repetition_penalty", "the same, where `repeat_penalty` is missing"),
  honored("repeat_last_n", "how many of the last tokens the penalties look at"),
  honored("min_tokens", "before so many the model cannot end its turn"),
  honored("ignore_eos", "the model cannot end its turn at all"),
  honored("stop_token_ids", "up to 1,000 tokens that end the turn"),
  honored("dry_multiplier", "DRY; 0 is off"),
  ...["dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers"].map((name) =>
    honored(name, "of DRY"),
  ),
  honored("top_n_sigma", "0 or less is off"),
  honored("typical_p", "1 is off"),
  honored("xtc_probability", "XTC; 0 is off"),
  honored("xtc_threshold", "of XTC"),
  honored("dynatemp_range", "how far the temperature goes up and down; 0 is off"),
  honored("dynatemp_exponent", "of it"),
  honored("mirostat", "0 is off; 1 and 2 choose in the place of all that drops candidates"),
  ...["mirostat_tau", "mirostat_eta"].map((name) => honored(name, "of Mirostat")),
  honored("frequency_penalty", "-2 to 2"),
  honored("presence_penalty", "-2 to 2"),
  honored("logit_bias", "token ids with numbers from -100 to 100; as an object, or as pairs, in which false bans"),
  honored("logprobs", "true or false, in chat; not together with tools", chat),
  honored("logprobs", "0 to 20, in completions", completions),
  honored("top_logprobs", "0 to 20, together with `logprobs`", chat),
  honored("cache_salt", "requests with other salts never share cached tokens"),
  honored("best_of", "only as many as `n`: choose among n answers", completions),
  honored("echo", "the answer begins with its prompt", completions),
  honored("tools", "functions", chat),
  honored("tool_choice", "`auto`, `none`, `required`, a function by its name, or `allowed_tools`", chat),
  honored("parallel_tool_calls", "`false`: at most one call", chat),
  honored("response_format.type", "`text`, `json_object` or `json_schema`"),
  honored(
    "response_format.json_schema",
    "its `schema`, whose description it may have; with `strict` a keyword that cannot be enforced is refused",
  ),
  honored("response_format.schema", "the schema, as llama.cpp's server takes it"),
  honored("json_schema", "JSON that fits it, as llama.cpp's server takes it"),
  honored("grammar", "GBNF as llama.cpp reads it, or llguidance's Lark; not together with tools"),
  honored("guided_json", "JSON that fits it, as vLLM takes it"),
  honored("guided_regex", "an expression that the whole text matches; not together with tools"),
  honored("guided_choice", "one of these texts; not together with tools"),
  honored("guided_grammar", "as `grammar`"),
  ...["json", "regex", "choice", "grammar", "json_object"].map((name) =>
    honored(`structured_outputs.${name}`, "the same in vLLM's newer form"),
  ),

  refused("audio", "the model writes text alone.", [], chat),
  refused("modalities", "the model writes text alone.", [["text"]], chat),
  refused("functions", "use tools.", [], chat),
  refused("function_call", "use tool_choice.", [], chat),
  refused("web_search_options", "the server does not search; give it a tool.", [], chat),
  refused("verbosity", "say in the messages how long the answer is to be.", ["medium"], chat),
  refused("reasoning_effort", "the model's template is not told of it.", [], chat),
  refused("prompt", "put it into messages, or use completions.", [], chat),
  refused("messages", "use chat completions.", [], completions),
  refused("tools", "use chat completions.", [[]], completions),
  refused("tool_choice", "use chat completions.", ["none"], completions),
  refused("parallel_tool_calls", "use chat completions.", [true], completions),
  refused("top_logprobs", "logprobs is their number.", [0], completions),
  refused("best_of", "ask for n answers and choose among them.", [1], chat),
  refused("suffix", "the model completes at the end alone.", [""], completions),
  ...["structural_tag", "structures", "triggers", "format"].map((name) =>
    refused(`response_format.${name}`, "use tools."),
  ),

  refused("chat_template", "load the model with the template that it is to have.", [], chat),
  refused("chat_template_kwargs", "the template gets no variables of the request.", [{}], chat),
  refused("add_generation_prompt", "an answer always begins a turn of the assistant.", [true], chat),
  refused(
    "continue_final_message",
    "an answer always begins a turn of the assistant; use completions with the text of /apply-template.",
    [false],
    chat,
  ),
  refused("echo", "an answer is never put before the last message.", [false], chat),
  refused("documents", "put them into the messages.", [[]], chat),
  refused("add_special_tokens", "the template alone says what stands before the prompt.", [false], chat),
  refused(
    "add_special_tokens",
    "the prompt begins as the model was trained; a BOS of its own is never doubled.",
    [true],
    completions,
  ),
  refused("use_beam_search", "ask for n answers and choose among them.", [false]),
  refused("include_stop_str_in_output", "the text ends before the stop string.", [false]),
  refused("skip_special_tokens", "control tokens are no part of the text.", [true]),
  refused("truncate_prompt_tokens", "shorten the prompt; /tokenize counts its tokens."),
  refused("prompt_logprobs", "use completions with echo and logprobs."),
  refused("prompt_embeds", "give the prompt as text or token ids.", [], completions),
  refused("logprob_token_ids", "use top_logprobs."),
  refused("logits_processors", "use logit_bias.", [[]]),
  refused("allowed_token_ids", "use guided_choice or guided_regex."),
  refused("bad_words", "use logit_bias.", [[]]),
  refused("watermarking", "nothing is marked.", [false]),
  refused("thinking_token_budget", "nothing limits thinking apart; use max_tokens.", [-1]),
  refused("include_reasoning", "reasoning comes as reasoning_content.", [true], chat),
  refused("return_tokens_as_token_ids", "tokens are told as text and bytes.", [false]),
  refused("return_token_ids", "use /tokenize.", [false]),
  refused("return_prompt_text", "use /apply-template.", [false], chat),
  refused("repetition_detection", "use repeat_penalty or dry_multiplier."),
  refused("kv_transfer_params", "there is one server."),
  refused("ec_transfer_params", "there is one server."),
  refused("vllm_xargs", "there are no extensions.", [{}]),
  refused("guided_whitespace_pattern", "JSON is written with one space after : and ,."),
  refused("structural_tag", "use tools."),
  refused("structured_outputs.structural_tag", "use tools."),
  refused("structured_outputs.whitespace_pattern", "JSON is written with one space after : and ,."),
  refused("structured_outputs.disable_additional_properties", "say additionalProperties: false in the schema.", [
    false,
  ]),

  refused("n_indent", "use guided_regex.", [0]),
  refused("min_keep", "samplers keep one token at least.", [0, 1]),
  refused("t_max_predict_ms", "use max_tokens.", [0, -1]),
  refused("n_probs", "use logprobs.", [0]),
  refused("post_sampling_probs", "log probabilities are the model's own, before sampling.", [false]),
  refused("return_tokens", "use /tokenize.", [false]),
  refused("response_fields", "the answer has OpenAI's form.", [[]]),
  refused("samplers", "their order is llama.cpp's default one.", []),
  refused("adaptive_target", "use mirostat.", [-1]),
  refused("lora", "load the model with its adapters merged.", [[]]),
  refused("grammar_lazy", "a grammar binds the whole text; use tools for calls.", [false]),
  refused("grammar_triggers", "a grammar binds the whole text; use tools for calls.", [[]]),
  refused("reasoning_format", "reasoning comes as reasoning_content.", ["auto", "deepseek"], chat),
  refused("reasoning_control", "nothing ends reasoning early.", [false], chat),
  refused("reasoning_budget_tokens", "nothing limits thinking apart; use max_tokens.", [-1], chat),
  refused("thinking_budget_tokens", "nothing limits thinking apart; use max_tokens.", [-1], chat),
  refused("thinking_forced_open", "the template begins the answer.", [false], chat),
  refused("generation_prompt", "the template begins the answer.", [""], chat),
  refused("parse_tool_calls", "leave tools out to get calls as text.", [true], chat),
  refused("chat_format", "the model's format decides.", [], chat),
  refused("chat_parser", "the model's format decides.", [""], chat),
  refused("thinking", "the model's template is not told of it.", [], chat),
  refused("enable_thinking", "the model's template is not told of it.", [], chat),

  nothing("user", "the API key tells who asks"),
  nothing("store", "nothing is stored"),
  nothing("metadata", "nothing is stored"),
  nothing("service_tier", "there is one"),
  nothing("safety_identifier", "nobody is reported"),
  nothing("prompt_cache_key", "prompts are cached by what they begin with"),
  nothing("prompt_cache_retention", "prompts are cached by what they begin with"),
  nothing("prediction", "speeds an answer up, and never changes it", chat),
  nothing("stream_options.include_obfuscation", "chunks are not padded"),
  nothing("stream_options.continuous_usage_stats", "usage comes with the last chunk"),
  nothing("length_penalty", "of beam search, which is refused"),
  nothing("early_stopping", "of beam search, which is refused"),
  nothing("spaces_between_special_tokens", "of `skip_special_tokens: false`, which is refused"),
  nothing("truncation_side", "of `truncate_prompt_tokens`, which is refused"),
  nothing("guided_decoding_backend", "there is one"),
  nothing("structured_outputs.disable_fallback", "there is one backend"),
  nothing("structured_outputs.disable_any_whitespace", "white space is fixed"),
  nothing("media_io_kwargs", "there are no media", chat),
  nothing("mm_processor_kwargs", "there are no media", chat),
  nothing("return_mm_kwargs", "there are no media"),
  nothing("return_token_offsets", "of endpoints that vLLM alone has"),
  nothing("routed_experts_prompt_start", "of endpoints that vLLM alone has"),
  nothing("priority", "clients don't choose who goes first"),
  nothing("request_id", "the header `x-request-id` of the response names it"),
  nothing("session_id", "prompts are cached by what they begin with"),
  nothing("stream_interval", "each piece is sent when it is there"),
  nothing("n_keep", "the context is never shifted: the answer ends where it is full"),
  nothing("n_discard", "the context is never shifted: the answer ends where it is full"),
  nothing("n_cache_reuse", "prompts are cached by what they begin with"),
  nothing("cache_prompt", "prompts are cached by what they begin with"),
  nothing("id_slot", "there are no slots"),
  nothing("timings_per_token", "see `/metrics`"),
  nothing("return_progress", "see `/metrics`"),
  nothing("sse_ping_interval", "the server's own"),
  nothing("verbose", "see `/apply-template`"),
  nothing("backend_sampling", "where tokens are chosen, not how"),
  nothing("adaptive_decay", "of `adaptive_target`, which is refused"),
  nothing("reasoning_budget_message", "of a budget, which is refused", chat),
  nothing("preserved_tokens", "of `grammar_triggers`, which are refused"),
  nothing("models", "of routers"),
  nothing("provider", "of routers"),
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
