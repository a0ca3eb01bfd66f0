// The fields that others document for these two endpoints, by their names, as of the pinned llama.cpp and of late 2025.
const words = (text: string) => text.trim().split(/\s+/);

const openaiBoth = words(
  "model frequency_penalty logit_bias max_tokens n presence_penalty seed stop stream stream_options stream_options.include_usage stream_options.include_obfuscation temperature top_p user",
);
const openaiChat =
  words(`messages audio function_call functions logprobs max_completion_tokens metadata modalities parallel_tool_calls prediction prompt_cache_key prompt_cache_retention
  reasoning_effort response_format response_format.type response_format.json_schema safety_identifier service_tier store tool_choice tools top_logprobs verbosity web_search_options`);
const openaiCompletions = words("prompt best_of echo logprobs suffix");

const llamaBoth =
  words(`temperature dynatemp_range dynatemp_exponent top_k top_p min_p n_predict n_indent n_keep n_discard n_cmpl n_cache_reuse stop stream typical_p repeat_penalty repeat_last_n
  presence_penalty frequency_penalty dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers xtc_probability xtc_threshold mirostat mirostat_tau mirostat_eta grammar
  grammar_lazy grammar_triggers preserved_tokens json_schema seed ignore_eos logit_bias n_probs min_keep t_max_predict_ms id_slot cache_prompt return_tokens samplers timings_per_token return_progress
  sse_ping_interval post_sampling_probs response_fields lora top_n_sigma adaptive_target adaptive_decay backend_sampling`);
const llamaChat =
  words(`chat_template_kwargs reasoning_effort reasoning_format reasoning_control generation_prompt parse_tool_calls response_format.schema add_generation_prompt continue_final_message
  reasoning_budget_tokens thinking_budget_tokens reasoning_budget_message thinking_forced_open chat_format chat_parser`);

const vllmBoth =
  words(`use_beam_search top_k min_p repetition_penalty length_penalty stop_token_ids include_stop_str_in_output ignore_eos min_tokens skip_special_tokens spaces_between_special_tokens
  truncate_prompt_tokens truncation_side prompt_logprobs logprob_token_ids allowed_token_ids bad_words watermarking add_special_tokens guided_json guided_regex guided_choice guided_grammar structural_tag
  guided_decoding_backend guided_whitespace_pattern structured_outputs structured_outputs.json structured_outputs.regex structured_outputs.choice structured_outputs.grammar structured_outputs.json_object
  structured_outputs.structural_tag structured_outputs.whitespace_pattern structured_outputs.disable_fallback structured_outputs.disable_any_whitespace structured_outputs.disable_additional_properties
  response_format.type response_format.json_schema response_format.structures response_format.triggers response_format.format stream_options.continuous_usage_stats priority request_id session_id
  return_tokens_as_token_ids return_token_ids return_token_offsets routed_experts_prompt_start cache_salt kv_transfer_params ec_transfer_params vllm_xargs repetition_detection stream_interval logits_processors early_stopping`);
const vllmChat =
  words(`echo add_generation_prompt continue_final_message documents chat_template chat_template_kwargs media_io_kwargs mm_processor_kwargs include_reasoning thinking_token_budget
  return_prompt_text return_mm_kwargs`);
const vllmCompletions = words("prompt_embeds");

export const documented = {
  chat: [...new Set([...openaiBoth, ...openaiChat, ...llamaBoth, ...llamaChat, ...vllmBoth, ...vllmChat])],
  completions: [...new Set([...openaiBoth, ...openaiCompletions, ...llamaBoth, ...vllmBoth, ...vllmCompletions])],
};
/** Objects whose own fields are listed; they are nothing by themselves. */
export const objects = ["stream_options", "response_format", "structured_outputs", "chat_template_kwargs"];
