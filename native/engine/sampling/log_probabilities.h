// What the model holds of each token at one place, before any sampling setting. Used by the engine thread only.
#pragma once

#include <span>
#include <vector>

#include "scheduler/request.h"

namespace caduceus {

class LogProbabilities {
 public:
  // One row of the vocabulary, which must outlive this.
  explicit LogProbabilities(std::span<const float> logits);

  // Natural logarithms. NaN where the model gave nothing usable.
  float of(Token token) const { return logits_[static_cast<size_t>(token)] - highest_ - log_sum_; }
  // So many of the likeliest tokens, first of them the likeliest; of equally likely ones those with the lower ids.
  std::vector<TokenProbability> top(size_t count) const;
  // Appends the token, its log probability and `top_count` of the likeliest.
  void score(Token token, size_t top_count, ScoredTokens& out) const;

 private:
  std::span<const float> logits_;
  float highest_;
  float log_sum_;  // of exp(logit - highest)
};

}  // namespace caduceus
