#include "convert.h"

#include <algorithm>

#include "../engine/platform/devices.h"
#include "guarded.h"

namespace caduceus::binding {
namespace {

[[noreturn]] void mismatch(const char* what) {
  throw EngineError("INVALID_ARGUMENT", std::string("Expected ") + what + " at the native boundary.");
}

double number(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber()) mismatch(key);
  return value.As<Napi::Number>().DoubleValue();
}

template <typename T>
std::optional<T> optional_number(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (value.IsUndefined() || value.IsNull()) return std::nullopt;
  if (!value.IsNumber()) mismatch(key);
  return static_cast<T>(value.As<Napi::Number>().DoubleValue());
}

std::string string(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) mismatch(key);
  return value.As<Napi::String>().Utf8Value();
}

template <typename Visit>
void each(const Napi::Object& object, const char* key, Visit visit) {
  const Napi::Value value = object.Get(key);
  if (!value.IsArray()) mismatch(key);
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) visit(array.Get(i));
}

Sampling to_sampling(const Napi::Object& object) {
  Sampling sampling;
  sampling.temperature = static_cast<float>(number(object, "temperature"));
  sampling.top_k = static_cast<int32_t>(number(object, "topK"));
  sampling.top_p = static_cast<float>(number(object, "topP"));
  sampling.min_p = static_cast<float>(number(object, "minP"));
  sampling.repeat_penalty = static_cast<float>(number(object, "repeatPenalty"));
  sampling.frequency_penalty = static_cast<float>(number(object, "frequencyPenalty"));
  sampling.presence_penalty = static_cast<float>(number(object, "presencePenalty"));
  sampling.penalty_last_n = static_cast<int32_t>(number(object, "penaltyLastN"));
  const auto optional = [&](const char* key, float& value) {
    value = optional_number<float>(object, key).value_or(value);
  };
  optional("topNSigma", sampling.top_n_sigma);
  optional("typicalP", sampling.typical_p);
  optional("xtcProbability", sampling.xtc_probability);
  optional("xtcThreshold", sampling.xtc_threshold);
  optional("dynatempRange", sampling.dynatemp_range);
  optional("dynatempExponent", sampling.dynatemp_exponent);
  sampling.mirostat = optional_number<int32_t>(object, "mirostat").value_or(0);
  optional("mirostatTau", sampling.mirostat_tau);
  optional("mirostatEta", sampling.mirostat_eta);
  if (const Napi::Value given = object.Get("dry"); given.IsObject()) {
    const auto dry = given.As<Napi::Object>();
    sampling.dry.multiplier = static_cast<float>(number(dry, "multiplier"));
    sampling.dry.base = static_cast<float>(number(dry, "base"));
    sampling.dry.allowed_length = static_cast<int32_t>(number(dry, "allowedLength"));
    sampling.dry.last_n = static_cast<int32_t>(number(dry, "lastN"));
    each(dry, "sequenceBreakers", [&](const Napi::Value& text) {
      sampling.dry.sequence_breakers.push_back(text.As<Napi::String>().Utf8Value());
    });
  }
  sampling.seed = optional_number<uint32_t>(object, "seed");
  each(object, "logitBias", [&](const Napi::Value& entry) {
    const auto pair = entry.As<Napi::Array>();
    sampling.logit_bias.emplace_back(pair.Get(0u).As<Napi::Number>().Int32Value(),
                                     pair.Get(1u).As<Napi::Number>().FloatValue());
  });
  return sampling;
}

// As src/engine/addon/grammar.ts writes it.
std::optional<ConstraintSpec> to_constraint(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  if (!value.IsObject()) mismatch("a constraint");
  const auto object = value.As<Napi::Object>();
  ConstraintSpec spec;
  const std::string kind = string(object, "kind");
  spec.kind = kind == "json"    ? ConstraintSpec::Kind::json
              : kind == "regex" ? ConstraintSpec::Kind::regex
              : kind == "calls" ? ConstraintSpec::Kind::calls
                                : ConstraintSpec::Kind::lark;
  spec.text = string(object, "text");
  if (const Napi::Value entry = object.Get("trigger"); entry.IsObject()) {
    const auto trigger = entry.As<Napi::Object>();
    spec.trigger = {string(trigger, "tag"), trigger.Get("further").ToBoolean(), trigger.Get("bare").ToBoolean(),
                    to_strings(trigger.Get("openings")), to_strings(trigger.Get("startOpenings"))};
  }
  return spec;
}

const char* name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
    default:
      return "error";
  }
}

// The text is valid UTF-8: one unit for each character, two for those of four bytes.
uint32_t utf16_length(const std::string& text) {
  uint32_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte & 0xC0) != 0x80) units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

Napi::Object from_scored(Napi::Env env, const ScoredTokens& scored) {
  auto object = Napi::Object::New(env);
  auto tokens = Napi::Int32Array::New(env, scored.tokens.size());
  std::copy(scored.tokens.begin(), scored.tokens.end(), tokens.Data());
  auto probabilities = Napi::Float32Array::New(env, scored.log_probabilities.size());
  std::copy(scored.log_probabilities.begin(), scored.log_probabilities.end(), probabilities.Data());
  auto top_tokens = Napi::Int32Array::New(env, scored.top.size());
  auto top_probabilities = Napi::Float32Array::New(env, scored.top.size());
  for (size_t i = 0; i < scored.top.size(); ++i) {
    top_tokens[i] = scored.top[i].token;
    top_probabilities[i] = scored.top[i].log_probability;
  }
  object["tokens"] = tokens;
  object["logProbabilities"] = probabilities;
  object["topTokens"] = top_tokens;
  object["topLogProbabilities"] = top_probabilities;
  return object;
}

Napi::Object from_end(Napi::Env env, const RunEnd& end) {
  auto object = Napi::Object::New(env);
  object["finishReason"] = name_of(end.reason);
  if (end.end_token) object["endToken"] = from_scored(env, *end.end_token);
  if (end.stop_string) object["stopString"] = *end.stop_string;
  if (end.error) object["error"] = to_js(env, *end.error).Value();
  auto usage = Napi::Object::New(env);
  usage["promptTokens"] = end.usage.prompt_tokens;
  usage["cachedTokens"] = end.usage.cached_tokens;
  usage["generatedTokens"] = end.usage.generated_tokens;
  object["usage"] = usage;
  auto timings = Napi::Object::New(env);
  timings["queueMs"] = end.timings.queue_ms;
  timings["promptMs"] = end.timings.prompt_ms;
  timings["firstTokenMs"] = end.timings.first_token_ms;
  timings["generationMs"] = end.timings.generation_ms;
  timings["tokensPerSecond"] = end.timings.tokens_per_second;
  object["timings"] = timings;
  if (end.constraint) {
    auto constraint = Napi::Object::New(env);
    constraint["complete"] = end.constraint->complete;
    constraint["forcedTokens"] = end.constraint->forced_tokens;
    constraint["rejectedTokens"] = end.constraint->rejected_tokens;
    constraint["compileMs"] = end.constraint->compile_ms;
    object["constraint"] = constraint;
  }
  return object;
}

}  // namespace

std::vector<Token> to_tokens(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    mismatch("an Int32Array of tokens");
  const auto array = value.As<Napi::Int32Array>();
  return std::vector<Token>(array.Data(), array.Data() + array.ElementLength());
}

std::vector<PromptPart> to_parts(const Napi::Value& value) {
  if (!value.IsArray()) mismatch("prompt parts");
  const auto array = value.As<Napi::Array>();
  std::vector<PromptPart> parts;
  parts.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value entry = array.Get(i);
    if (!entry.IsObject()) mismatch("prompt parts");
    const auto part = entry.As<Napi::Object>();
    if (part.Has("text"))
      parts.emplace_back(TextPart{string(part, "text")});
    else if (part.Has("control"))
      parts.emplace_back(ControlPart{string(part, "control")});
    else
      parts.emplace_back(TokensPart{to_tokens(part.Get("tokens"))});
  }
  return parts;
}

RunRequest to_request(const Napi::Object& object) {
  RunRequest request;
  request.prompt = to_parts(object.Get("prompt"));
  request.after = optional_number<RunId>(object, "after");
  request.sampling = to_sampling(object.Get("sampling").As<Napi::Object>());
  request.max_tokens = optional_number<uint32_t>(object, "maxTokens");
  request.min_tokens = optional_number<uint32_t>(object, "minTokens").value_or(0);
  each(object, "stop", [&](const Napi::Value& stop) { request.stop.push_back(stop.As<Napi::String>().Utf8Value()); });
  each(object, "stopTokens",
       [&](const Napi::Value& token) { request.stop_tokens.push_back(token.As<Napi::Number>().Int32Value()); });
  request.log_probabilities = object.Get("logProbabilities").ToBoolean();
  request.prompt_log_probabilities = object.Get("promptLogProbabilities").ToBoolean();
  request.top_log_probabilities = optional_number<uint32_t>(object, "topLogProbabilities").value_or(0);
  request.cache_scope = string(object, "cacheScope");
  if (object.Get("adapters").IsArray()) {
    each(object, "adapters", [&](const Napi::Value& value) {
      const auto use = value.As<Napi::Object>();
      request.adapters.push_back({static_cast<uint32_t>(number(use, "id")), static_cast<float>(number(use, "scale"))});
    });
  }
  request.priority = static_cast<int32_t>(number(object, "priority"));
  request.queue_timeout_ms = optional_number<double>(object, "queueTimeoutMs");
  request.keep_prefix = optional_number<uint32_t>(object, "keepPrefix");
  request.constraint = to_constraint(object.Get("constraint"));
  if (const Napi::Value value = object.Get("thought"); value.IsObject()) {
    const auto thought = value.As<Napi::Object>();
    request.thought = {thought.Get("open").ToBoolean(), optional_number<uint32_t>(thought, "maxTokens"),
                       string(thought, "opening"),      string(thought, "closing"),
                       string(thought, "answer"),       string(thought, "end")};
  }
  request.deterministic = object.Get("deterministic").ToBoolean();
  return request;
}

ContextOptions to_context_options(const Napi::Object& object) {
  ContextOptions options;
  options.context_size = optional_number<uint32_t>(object, "contextSize");
  options.cache_tokens = optional_number<uint32_t>(object, "cacheTokens");
  options.threads = optional_number<uint32_t>(object, "threads");
  options.kv_type = string(object, "kvType") == "q8_0" ? GGML_TYPE_Q8_0 : GGML_TYPE_F16;
  return options;
}

EngineOptions to_engine_options(const Napi::Object& object) {
  EngineOptions options;
  options.host_cache_bytes = optional_number<uint64_t>(object, "hostCacheBytes");
  if (const Napi::Value lookup = object.Get("promptLookup"); !lookup.IsUndefined() && !lookup.ToBoolean())
    options.drafts = Drafts::never;
  if (!object.Get("prefixFolder").IsUndefined()) options.prefix_folder = string(object, "prefixFolder");
  options.prefix_folder_bytes = optional_number<uint64_t>(object, "prefixFolderBytes").value_or(0);
  return options;
}

std::vector<std::string> to_strings(const Napi::Value& value) {
  std::vector<std::string> strings;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) strings.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  return strings;
}

Napi::Object from_device(Napi::Env env, const Device& device) {
  auto object = Napi::Object::New(env);
  object["name"] = device.name;
  object["description"] = device.description;
  object["isGpu"] = device.is_gpu;
  object["memoryBytes"] = static_cast<double>(device.memory_bytes);
  object["freeBytes"] = static_cast<double>(device.free_bytes);
  return object;
}

Napi::Object from_info(Napi::Env env, const ModelInfo& info, const Context& context) {
  auto object = Napi::Object::New(env);
  object["path"] = info.path;
  object["description"] = info.description;
  object["architecture"] = info.architecture;
  if (info.name) object["name"] = *info.name;
  object["parameters"] = static_cast<double>(info.parameters);
  object["sizeBytes"] = static_cast<double>(info.size_bytes);
  object["trainingContextSize"] = info.training_context_size;
  object["layers"] = info.layers;
  object["embeddingSize"] = info.embedding_size;
  object["heads"] = info.heads;
  object["headsKv"] = info.heads_kv;
  object["vocabularySize"] = info.vocabulary_size;
  object["vocabularyType"] = info.vocabulary_type;
  object["purpose"] = info.purpose;
  if (info.chat_template) object["chatTemplate"] = *info.chat_template;
  auto metadata = Napi::Object::New(env);
  for (const auto& [key, value] : info.metadata) metadata.Set(key, value);
  object["metadata"] = metadata;
  if (info.bos_token) object["bosToken"] = *info.bos_token;
  if (info.eos_token) object["eosToken"] = *info.eos_token;
  object["endOfGenerationTokens"] =
      from_list(env, info.end_of_generation_tokens, [](llama_token token) { return token; });
  if (info.infill_tokens) {
    auto tokens = Napi::Object::New(env);
    tokens["prefix"] = info.infill_tokens->prefix;
    tokens["suffix"] = info.infill_tokens->suffix;
    tokens["middle"] = info.infill_tokens->middle;
    if (info.infill_tokens->repository) tokens["repository"] = *info.infill_tokens->repository;
    if (info.infill_tokens->file) tokens["file"] = *info.infill_tokens->file;
    object["infillTokens"] = tokens;
  }
  object["contextSize"] = context.context_size();
  object["cacheTokens"] = context.cache_tokens();
  object["kvType"] = context.kv_type() == GGML_TYPE_Q8_0 ? "q8_0" : "f16";
  object["threads"] = context.threads();
  object["gpuLayers"] = context.model().gpu_layers();
  object["matrixKernels"] = matrix_kernels();
  object["devices"] = from_list(env, context.device_use(), [env](const Context::DeviceUse& use) {
    auto device = Napi::Object::New(env);
    device["name"] = use.name;
    device["description"] = use.description;
    device["weightsBytes"] = static_cast<double>(use.weights_bytes);
    device["cacheBytes"] = static_cast<double>(use.cache_bytes);
    device["computeBytes"] = static_cast<double>(use.compute_bytes);
    return device;
  });
  return object;
}

EmbeddingRequest to_embedding_request(const Napi::Object& object) {
  EmbeddingRequest request{.text = to_parts(object.Get("text")),
                           .whole = object.Get("whole").ToBoolean(),
                           .truncate = object.Get("truncate").ToBoolean()};
  if (const Napi::Value second = object.Get("second"); second.IsArray()) request.second = to_parts(second);
  const Napi::Value pooling = object.Get("pooling");
  if (!pooling.IsString()) return request;
  const std::string name = pooling.As<Napi::String>();
  request.pooling = name == "mean"  ? LLAMA_POOLING_TYPE_MEAN
                    : name == "cls" ? LLAMA_POOLING_TYPE_CLS
                                    : LLAMA_POOLING_TYPE_LAST;
  return request;
}

Napi::Object from_embedding(Napi::Env env, const Embedding& embedding) {
  auto values = Napi::Float32Array::New(env, embedding.values.size());
  std::copy(embedding.values.begin(), embedding.values.end(), values.Data());
  auto object = Napi::Object::New(env);
  object["values"] = values;
  object["tokens"] = embedding.tokens;
  object["truncated"] = embedding.truncated;
  return object;
}

Napi::Object from_stats(Napi::Env env, const Stats& stats) {
  auto object = Napi::Object::New(env);
  object["running"] = stats.running;
  object["queued"] = stats.queued;
  object["paused"] = stats.paused;
  object["cacheTokens"] = stats.cache_tokens;
  object["cacheTokensUsed"] = stats.cache_tokens_used;
  object["cachedSequences"] = stats.cached_sequences;
  object["hostCacheBytes"] = static_cast<double>(stats.host_cache_bytes);
  object["threads"] = stats.threads;
  object["adapterBytes"] = static_cast<double>(stats.adapter_bytes);
  object["promptTokens"] = static_cast<double>(stats.prompt_tokens);
  object["cachedTokens"] = static_cast<double>(stats.cached_tokens);
  object["restoredTokens"] = static_cast<double>(stats.restored_tokens);
  object["generatedTokens"] = static_cast<double>(stats.generated_tokens);
  object["forcedTokens"] = static_cast<double>(stats.forced_tokens);
  object["rejectedTokens"] = static_cast<double>(stats.rejected_tokens);
  object["draftTokens"] = static_cast<double>(stats.drafted_tokens);
  object["acceptedDraftTokens"] = static_cast<double>(stats.accepted_drafts);
  object["adapterChanges"] = static_cast<double>(stats.adapter_changes);
  object["steps"] = static_cast<double>(stats.steps);
  return object;
}

Napi::Object from_outputs(Napi::Env env, const std::vector<RunOutput>& outputs) {
  const size_t count = outputs.size();
  auto ids = Napi::Uint32Array::New(env, count);
  auto text_lengths = Napi::Uint32Array::New(env, count);
  auto token_counts = Napi::Uint32Array::New(env, count);
  auto prompts = Napi::Array::New(env);
  auto ends = Napi::Array::New(env);
  std::string text;
  ScoredTokens all;
  for (size_t i = 0; i < count; ++i) {
    const RunOutput& output = outputs[i];
    ids[i] = output.id;
    text_lengths[i] = utf16_length(output.text);
    token_counts[i] = static_cast<uint32_t>(output.tokens.size());
    text += output.text;
    all.append(output);
    if (!output.prompt.tokens.empty()) prompts.Set(static_cast<uint32_t>(i), from_scored(env, output.prompt));
    if (output.end) ends.Set(static_cast<uint32_t>(i), from_end(env, *output.end));
  }
  auto object = from_scored(env, all);
  object["ids"] = ids;
  object["textLengths"] = text_lengths;
  object["tokenCounts"] = token_counts;
  object["text"] = text;
  object["prompts"] = prompts;
  object["ends"] = ends;
  return object;
}

}  // namespace caduceus::binding
