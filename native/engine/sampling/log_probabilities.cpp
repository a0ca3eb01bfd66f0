#include "sampling/log_probabilities.h"

#include <algorithm>
#include <cmath>

namespace caduceus {

LogProbabilities::LogProbabilities(std::span<const float> logits)
    : logits_(logits), highest_(*std::max_element(logits.begin(), logits.end())) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - highest_));
  log_sum_ = static_cast<float>(std::log(sum));
}

std::vector<TokenProbability> LogProbabilities::top(size_t count) const {
  std::vector<TokenProbability> best;
  count = std::min(count, logits_.size());
  const auto likelier = [](const TokenProbability& a, const TokenProbability& b) {
    return a.log_probability > b.log_probability || (a.log_probability == b.log_probability && a.token < b.token);
  };
  for (size_t i = 0; count > 0 && i < logits_.size(); ++i) {
    if (best.size() == count && !(logits_[i] > best.front().log_probability)) continue;
    // A heap with the least likely in front; of logits until its end.
    if (best.size() == count) std::pop_heap(best.begin(), best.end(), likelier), best.pop_back();
    best.push_back({static_cast<Token>(i), std::isnan(logits_[i]) ? -INFINITY : logits_[i]});
    std::push_heap(best.begin(), best.end(), likelier);
  }
  std::sort_heap(best.begin(), best.end(), likelier);
  for (TokenProbability& one : best) one.log_probability = of(one.token);
  return best;
}

void LogProbabilities::score(Token token, size_t top_count, ScoredTokens& out) const {
  out.tokens.push_back(token);
  out.log_probabilities.push_back(of(token));
  const auto likeliest = top(top_count);
  out.top.insert(out.top.end(), likeliest.begin(), likeliest.end());
}

}  // namespace caduceus
