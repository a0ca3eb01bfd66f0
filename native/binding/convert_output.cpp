// What the engine gives, as JavaScript's values.
#include <algorithm>

#include "../engine/platform/devices.h"
#include "convert.h"
#include "guarded.h"

namespace caduceus::binding {
namespace {

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

Napi::Object from_device(Napi::Env env, const Device& device) {
  auto object = Napi::Object::New(env);
  object["name"] = device.name;
  object["description"] = device.description;
  object["isGpu"] = device.is_gpu;
  object["memoryBytes"] = static_cast<double>(device.memory_bytes);
  object["freeBytes"] = static_cast<double>(device.free_bytes);
  return object;
}

namespace {

Napi::Array from_device_use(Napi::Env env, const std::vector<Context::DeviceUse>& all) {
  return from_list(env, all, [env](const Context::DeviceUse& use) {
    auto device = Napi::Object::New(env);
    device["name"] = use.name;
    device["description"] = use.description;
    device["weightsBytes"] = static_cast<double>(use.weights_bytes);
    device["cacheBytes"] = static_cast<double>(use.cache_bytes);
    device["computeBytes"] = static_cast<double>(use.compute_bytes);
    return device;
  });
}

Napi::Object from_draft_model(Napi::Env env, const Context& context) {
  const ModelInfo& info = context.model().info();
  auto object = Napi::Object::New(env);
  object["path"] = info.path;
  object["description"] = info.description;
  if (info.name) object["name"] = *info.name;
  object["parameters"] = static_cast<double>(info.parameters);
  object["sizeBytes"] = static_cast<double>(info.size_bytes);
  object["trainingContextSize"] = info.training_context_size;
  object["gpuLayers"] = context.model().gpu_layers();
  object["devices"] = from_device_use(env, context.device_use());
  return object;
}

}  // namespace

Napi::Object from_info(Napi::Env env, const ModelInfo& info, const Context& context, const Context* draft) {
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
  object["devices"] = from_device_use(env, context.device_use());
  if (draft) object["draftModel"] = from_draft_model(env, *draft);
  return object;
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
  object["draftCacheTokensUsed"] = stats.draft_cache_tokens_used;
  object["adapterBytes"] = static_cast<double>(stats.adapter_bytes);
  object["promptTokens"] = static_cast<double>(stats.prompt_tokens);
  object["cachedTokens"] = static_cast<double>(stats.cached_tokens);
  object["restoredTokens"] = static_cast<double>(stats.restored_tokens);
  object["generatedTokens"] = static_cast<double>(stats.generated_tokens);
  object["forcedTokens"] = static_cast<double>(stats.forced_tokens);
  object["rejectedTokens"] = static_cast<double>(stats.rejected_tokens);
  object["draftTokens"] = static_cast<double>(stats.drafted_tokens);
  object["acceptedDraftTokens"] = static_cast<double>(stats.accepted_drafts);
  object["draftModelTokens"] = static_cast<double>(stats.model_drafted_tokens);
  object["acceptedDraftModelTokens"] = static_cast<double>(stats.model_accepted_drafts);
  object["draftModelSteps"] = static_cast<double>(stats.draft_steps);
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
