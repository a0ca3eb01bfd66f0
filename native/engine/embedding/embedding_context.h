// A llama_context that turns texts into vectors, or pairs into scores. Engine thread.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "llama.h"
#include "model/llama_context.h"
#include "scheduler/request.h"

namespace caduceus {

class EmbeddingContext {
 public:
  // For texts of up to `most_tokens`. Shares the threads and the interrupt of `context`; the two must not compute at
  // the same time.
  EmbeddingContext(Context& context, enum llama_pooling_type pooling, uint32_t most_tokens);

  // Tokens of one batch. A causal model reads a longer text in pieces; for all others this is the longest text.
  uint32_t batch_tokens() const { return batch_tokens_; }
  uint32_t most_tokens() const { return most_tokens_; }
  // Texts in one batch.
  static constexpr uint32_t most_texts = 64;

  struct Piece {
    std::span<const Token> tokens;
    uint32_t from;  // position of the first
  };
  // llama_decode's result: 0, 2 interrupted, else failed. Each piece is a text, or the next piece of the only one.
  int compute(std::span<const Piece> pieces);
  // Why it failed.
  const EngineError& failure() const { return context_.failure(); }
  // Of the piece with that index.
  std::span<const float> values(size_t index) const;

 private:
  Context& context_;
  uint32_t most_tokens_;
  uint32_t batch_tokens_;
  size_t width_;
  uint32_t threads_set_ = 0;
  ContextHandle llama_;
  BatchHandle batch_;
};

}  // namespace caduceus
