#include "embedding/embedder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "scheduler/run.h"

namespace caduceus {
namespace {

// What the model was trained to read at the end of a text.
std::optional<Token> end_of_text(const llama_vocab* vocab) {
  const Token end = llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_WPM ? llama_vocab_sep(vocab)
                    : llama_vocab_get_add_eos(vocab)                ? llama_vocab_eos(vocab)
                                                                    : LLAMA_TOKEN_NULL;
  return end == LLAMA_TOKEN_NULL ? std::nullopt : std::optional(end);
}

}  // namespace

std::vector<Token> Embedder::separator() const {
  const llama_vocab* vocab = context_.model().vocab();
  std::vector<Token> tokens;
  const Token eos = llama_vocab_eos(vocab), sep = llama_vocab_sep(vocab);
  if (llama_vocab_get_add_eos(vocab)) tokens.push_back(eos != LLAMA_TOKEN_NULL ? eos : sep);
  if (llama_vocab_get_add_sep(vocab)) tokens.push_back(sep);
  std::erase(tokens, LLAMA_TOKEN_NULL);
  return tokens;
}

void Embedder::add(RunId id, std::vector<Token> tokens, const EmbeddingRequest& request) {
  const Model& model = context_.model();
  const auto end = request.whole ? std::nullopt : end_of_text(model.vocab());
  if (end && (tokens.empty() || tokens.back() != *end)) tokens.push_back(*end);
  if (tokens.empty()) throw EngineError::argument("text", "at least one token", "no token");
  const uint32_t most = context_.context_size();
  const bool too_long = tokens.size() > most;
  if (too_long && !request.truncate) {
    throw EngineError("CONTEXT_FULL", "The text has " + std::to_string(tokens.size()) +
                                          " tokens, but an embedding is computed of at most " + std::to_string(most) +
                                          ".");
  }
  if (too_long) {
    tokens.resize(most);
    if (end) tokens.back() = *end;
  }
  auto pooling = request.pooling == LLAMA_POOLING_TYPE_UNSPECIFIED ? model.pooling() : request.pooling;
  if (pooling == LLAMA_POOLING_TYPE_NONE) pooling = LLAMA_POOLING_TYPE_MEAN;
  waiting_.push_back({id, std::move(tokens), pooling, too_long, 0, {}});
}

void Embedder::forget(RunId id) {
  const auto it = std::find_if(waiting_.begin(), waiting_.end(), [id](const Text& text) { return text.id == id; });
  if (it == waiting_.end()) return;
  // Between two steps nothing is chosen.
  waiting_.erase(it);
}

Embedding Embedder::refuse(EngineError error) {
  const RunId id = waiting_.front().id;
  waiting_.pop_front();
  return {.id = id, .error = std::move(error)};
}

EmbeddingContext& Embedder::context_for(enum llama_pooling_type pooling, uint32_t tokens) {
  auto& made = contexts_[pooling];
  if (!made || made->most_tokens() < tokens) {
    made.reset();
    made =
        std::make_unique<EmbeddingContext>(context_, pooling, std::min(std::bit_ceil(tokens), context_.context_size()));
  }
  return *made;
}

std::vector<RunId> Embedder::choose(uint32_t tokens) {
  Text& first = waiting_.front();
  const auto length = static_cast<uint32_t>(first.tokens.size());
  const uint32_t batch = context_for(first.pooling, length).batch_tokens();
  chosen_ = 1;
  piece_ = std::min(length - first.done, std::max(tokens, 1u));
  piece_ = std::min(piece_, batch);
  // A model that looks ahead reads a text at once.
  if (!context_.model().is_causal()) piece_ = length;
  std::vector<RunId> ids{first.id};
  if (std::exchange(alone_, false) || first.done > 0 || piece_ < length) return ids;
  uint32_t taken = length;
  for (; chosen_ < std::min<size_t>(waiting_.size(), EmbeddingContext::most_texts); ++chosen_) {
    const Text& next = waiting_[chosen_];
    const auto size = static_cast<uint32_t>(next.tokens.size());
    if (next.pooling != first.pooling || next.done > 0 || taken + size > std::min(batch, std::max(tokens, 1u))) break;
    taken += size;
    ids.push_back(next.id);
  }
  return ids;
}

std::vector<Embedding> Embedder::compute() {
  EmbeddingContext& context = *contexts_.at(waiting_.front().pooling);
  std::vector<EmbeddingContext::Piece> pieces;
  uint32_t tokens = 0;
  for (size_t i = 0; i < chosen_; ++i) {
    const Text& text = waiting_[i];
    const uint32_t count = i == 0 ? piece_ : static_cast<uint32_t>(text.tokens.size());
    pieces.push_back({std::span(text.tokens).subspan(text.done, count), text.done});
    tokens += count;
  }
  const auto before = Clock::now();
  const int result = context.compute(pieces);
  const size_t chosen = std::exchange(chosen_, 0);
  std::vector<Embedding> done;
  if (result == 2) {
    // How much of it is in the cache, only llama.cpp knows.
    waiting_.front().done = 0;
    waiting_.front().sum.clear();
    alone_ = true;
    return done;
  }
  const double each = milliseconds(Clock::now() - before) / tokens;
  token_ms_ = token_ms_ == 0 ? each : 0.5 * token_ms_ + 0.5 * each;
  for (size_t i = 0; i < chosen; ++i) {
    Text& text = waiting_.front();
    const auto values = result == 0 ? context.values(i) : std::span<const float>{};
    text.done += static_cast<uint32_t>(pieces[i].tokens.size());
    if (values.empty()) {
      done.push_back(
          {.id = text.id,
           .error = result == 0 ? EngineError("ENGINE_FAILED", "llama.cpp gave no embedding.") : context.failure()});
    } else if (text.done < text.tokens.size() || !text.sum.empty()) {
      const double weight = text.pooling == LLAMA_POOLING_TYPE_MEAN ? static_cast<double>(pieces[i].tokens.size()) : 0;
      if (text.sum.empty()) text.sum.resize(values.size());
      for (size_t n = 0; n < values.size(); ++n) text.sum[n] += weight * static_cast<double>(values[n]);
      if (text.done < text.tokens.size()) return done;
      std::vector<float> mean(values.begin(), values.end());
      if (weight > 0) {
        for (size_t n = 0; n < mean.size(); ++n)
          mean[n] = static_cast<float>(text.sum[n] / static_cast<double>(text.done));
      }
      done.push_back(finished(std::move(text), mean));
    } else {
      done.push_back(finished(std::move(text), values));
    }
    waiting_.pop_front();
  }
  return done;
}

Embedding Embedder::finished(Text text, std::span<const float> values) const {
  Embedding embedding{.id = text.id, .tokens = static_cast<uint32_t>(text.tokens.size()), .truncated = text.truncated};
  if (std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    embedding.values.assign(values.begin(), values.end());
  else
    embedding.error = EngineError("ENGINE_FAILED", "The model gave no finite embedding; its file may be damaged.");
  return embedding;
}

uint32_t Embedder::tokens_in(double milliseconds) const {
  if (token_ms_ <= 0) return 64;
  return static_cast<uint32_t>(std::clamp(milliseconds / token_ms_, 1.0, 1e6));
}

}  // namespace caduceus
