// Log probabilities of all tokens at one position, before any sampling setting. Used by the engine thread only.
#pragma once

#include <span>
#include <vector>

#include "scheduler/request.h"

namespace caduceus {

class LogProbabilities {
 public:
  // `logits` is one row of the vocabulary, which must outlive this.
  explicit LogProbabilities(std::span<const float> logits);

  // Natural logarithms. NaN where the model gave nothing usable.
  float of(Token token) const { return logits_[static_cast<size_t>(token)] - highest_ - log_sum_; }
  // The most likely tokens in order; equally likely ones by their ids.
  std::vector<TokenProbability> top(size_t count) const;
  // Appends the token, its log probability and the `top_count` most likely ones.
  void score(Token token, size_t top_count, ScoredTokens& out) const;

 private:
  std::span<const float> logits_;
  float highest_;
  float log_sum_;  // of exp(logit - highest)
};

}  // namespace caduceus
