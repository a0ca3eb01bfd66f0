#include "sampler.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace caduceus {

Sampler::Sampler(const Sampling& sampling, const llama_vocab* vocab) : greedy_(sampling.temperature <= 0) {
  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  chain_.reset(llama_sampler_chain_init(params));
  const int32_t size = llama_vocab_n_tokens(vocab);

  if (!sampling.logit_bias.empty()) {
    std::vector<llama_logit_bias> biases;
    for (const auto& [token, bias] : sampling.logit_bias) biases.push_back({token, bias});
    add(llama_sampler_init_logit_bias(size, static_cast<int32_t>(biases.size()), biases.data()));
  }
  const bool penalties = sampling.repeat_penalty != 1.0f || sampling.frequency_penalty != 0.0f || sampling.presence_penalty != 0.0f;
  if (penalties && sampling.penalty_last_n != 0) {
    add(llama_sampler_init_penalties(size, sampling.penalty_last_n, sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty));
  }
  if (greedy_) {
    add(llama_sampler_init_greedy());
    return;
  }
  // Top-k before top-p: 21 us a token over 32k entries, where top-p first takes 340.
  if (sampling.top_k > 0) add(llama_sampler_init_top_k(sampling.top_k));
  if (sampling.top_p < 1.0f) add(llama_sampler_init_top_p(sampling.top_p, 1));
  if (sampling.min_p > 0.0f) add(llama_sampler_init_min_p(sampling.min_p, 1));
  add(llama_sampler_init_temp(sampling.temperature));
  add(llama_sampler_init_dist(sampling.seed ? *sampling.seed : std::random_device{}()));
}

void Sampler::add(llama_sampler* sampler) { llama_sampler_chain_add(chain_.get(), sampler); }

Token Sampler::sample(std::span<const float> logits, std::vector<llama_token_data>& scratch) {
  scratch.resize(logits.size());
  bool finite = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    scratch[i] = {static_cast<Token>(i), logits[i], 0.0f};
    finite |= std::isfinite(logits[i]);
  }
  if (!finite) return LLAMA_TOKEN_NULL;
  llama_token_data_array candidates{scratch.data(), scratch.size(), -1, false};
  llama_sampler_apply(chain_.get(), &candidates);
  if (candidates.selected < 0 || static_cast<size_t>(candidates.selected) >= candidates.size) return LLAMA_TOKEN_NULL;
  const llama_token_data& chosen = candidates.data[candidates.selected];
  return std::isnan(chosen.logit) || chosen.logit == -INFINITY ? LLAMA_TOKEN_NULL : chosen.id;
}

void Sampler::accept(Token token) { llama_sampler_accept(chain_.get(), token); }

float log_probability(std::span<const float> logits, Token token) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - highest));
  return static_cast<float>(logits[static_cast<size_t>(token)] - highest - std::log(sum));
}

}  // namespace caduceus
