#include "convert.h"

#include <algorithm>

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
  optional("adaptiveTarget", sampling.adaptive_target);
  optional("adaptiveDecay", sampling.adaptive_decay);
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
    const Napi::Value subject = pair.Get(0u);
    const float bias = pair.Get(1u).As<Napi::Number>().FloatValue();
    if (subject.IsString())
      sampling.text_bias.emplace_back(subject.As<Napi::String>().Utf8Value(), bias);
    else
      sampling.logit_bias.emplace_back(subject.As<Napi::Number>().Int32Value(), bias);
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
  request.gather_ms = optional_number<uint32_t>(object, "gatherMs").value_or(0);
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
    options.prompt_lookup = false;
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

}  // namespace caduceus::binding
