// The part of the engine that computes embeddings, between the steps of its runs.
#include <algorithm>

#include "scheduler/engine.h"

namespace caduceus {
namespace {

// Milliseconds of one step while nothing else is to be done: new requests wait for it.
constexpr double alone_ms = 500;
// Beside replies, as much as two of their steps; that is nothing to speak of where they take no time.
constexpr double least_ms = 10;

// Tokens of a text that is too long are counted up to so many times what is computed, for the error message.
constexpr size_t counted = 4;

}  // namespace

// Any thread.
RunId Engine::embed(EmbeddingRequest request) {
  RunId id;
  {
    // In one, so that an engine that ends meanwhile either refuses it or answers it.
    std::scoped_lock lock(commands_mutex_, tokenized_mutex_);
    id = new_id();
    embedding_.push_back(id);
  }
  std::vector<PromptPart> text = std::move(request.text);
  request.text.clear();
  if (!request.second.empty()) {
    text.push_back(TokensPart{embedder_.separator()});
    text.insert(text.end(), request.second.begin(), request.second.end());
    request.second.clear();
  }
  reader_.read({id,
                std::move(text),
                {},
                {},
                counted * context_->context_size(),
                [this, request = std::move(request)](PromptReader::Answer answer) {
                  push(ReadText{std::move(answer), request});
                }});
  return id;
}

std::vector<Embedding> Engine::take_embeddings() {
  std::lock_guard lock(tokenized_mutex_);
  return std::exchange(embeddings_, {});
}

// Any thread.
void Engine::stop_embedding(RunId id) {
  reader_.forget(id);
  {
    std::lock_guard lock(tokenized_mutex_);
    std::erase(embedding_, id);
  }
  cancel(id);
}

void Engine::take_text(ReadText text) {
  const RunId id = text.answer.id;
  try {
    if (text.answer.error) throw *text.answer.error;
    embedder_.add(id, std::move(text.answer.tokens), text.request);
  } catch (...) {
    answer({{.id = id, .error = EngineError::current()}});
  }
}

bool Engine::compute_embeddings() {
  if (embedder_.idle()) return false;
  double budget = alone_ms;
  each_context([&](const DecodeContext& ctx) {
    if (ctx.scheduler.decoding() > 0) budget = std::min(budget, std::max(least_ms, 2 * ctx.decode_ms));
  });
  std::vector<RunId> ids;
  try {
    ids = embedder_.choose(embedder_.tokens_in(budget));
  } catch (...) {
    answer({embedder_.refuse(EngineError::current())});
    return true;
  }
  std::vector<Embedding> done = interruptibly(std::move(ids), [this] { return embedder_.compute(); });
  for (const Embedding& embedding : done) totals_.prompt_tokens += embedding.tokens;
  update_stats();  // counted before the answers can be read
  answer(std::move(done));
  return true;
}

void Engine::answer(std::vector<Embedding> embeddings) {
  if (embeddings.empty()) return;
  {
    std::lock_guard lock(tokenized_mutex_);
    for (Embedding& embedding : embeddings) {
      std::erase(embedding_, embedding.id);
      embeddings_.push_back(std::move(embedding));
    }
  }
  wake_();
}

void Engine::stop_embeddings(const EngineError& end) {
  std::vector<Embedding> rest;
  {
    std::lock_guard lock(tokenized_mutex_);
    for (const RunId id : embedding_) rest.push_back({.id = id, .error = end});
  }
  answer(std::move(rest));
}

}  // namespace caduceus
