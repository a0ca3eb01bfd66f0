// Converts between JavaScript values and the engine's plain ones. Shapes are those of src/engine/engine.ts; the
// TypeScript layer has checked types and ranges, so a value that does not fit is a programming error and throws.
#pragma once

#include <napi.h>

#include <vector>

#include "../engine/model/llama_context.h"
#include "../engine/scheduler/engine.h"
#include "../engine/scheduler/request.h"

namespace caduceus::binding {

std::vector<PromptPart> to_parts(const Napi::Value& value);
RunRequest to_request(const Napi::Object& object);
std::vector<Token> to_tokens(const Napi::Value& value);
ContextOptions to_context_options(const Napi::Object& object);
EngineOptions to_engine_options(const Napi::Object& object);

std::vector<std::string> to_strings(const Napi::Value& value);

// `convert` makes a JavaScript value of each.
template <typename Items, typename Convert>
Napi::Array from_list(Napi::Env env, const Items& items, Convert convert) {
  auto array = Napi::Array::New(env, items.size());
  uint32_t at = 0;
  for (const auto& item : items) array[at++] = convert(item);
  return array;
}

Napi::Object from_device(Napi::Env env, const Device& device);
// `draft`: of the draft model; may be null.
Napi::Object from_info(Napi::Env env, const ModelInfo& info, const Context& context, const Context* draft);
// { text, second?, whole?, pooling?, truncate }
EmbeddingRequest to_embedding_request(const Napi::Object& object);
Napi::Object from_embedding(Napi::Env env, const Embedding& embedding);
Napi::Object from_stats(Napi::Env env, const Stats& stats);
// The available output of all runs, packed: one text and one array of tokens, with the lengths of each run.
Napi::Object from_outputs(Napi::Env env, const std::vector<RunOutput>& outputs);

}  // namespace caduceus::binding
