#include "sampling/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <random>

#include "sampling/finite_samplers.h"

namespace caduceus {
namespace {

// With more biased tokens than this, selecting the most likely ones costs more than it saves.
constexpr size_t most_biased = 256;
// Logits compared together.
constexpr size_t block = 64;

// llama.cpp reads this seed as "a new one each time", so a caller's seed of this value is replaced.
constexpr uint32_t instead_of_default = 0x9E3779B9;

}  // namespace

Sampler::Sampler(const Sampling& sampling, const llama_vocab* vocab, DrySamplers* dry_samplers) {
  const bool greedy = sampling.temperature <= 0;
  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  chain_.reset(llama_sampler_chain_init(params));
  const int32_t size = llama_vocab_n_tokens(vocab);

  if (!sampling.logit_bias.empty()) {
    std::vector<llama_logit_bias> biases;
    for (const auto& [token, bias] : sampling.logit_bias) {
      biases.push_back({token, bias});
      biased_.push_back(token);
      if (bias == -INFINITY) banned_.push_back(token);
    }
    add(llama_sampler_init_logit_bias(size, static_cast<int32_t>(biases.size()), biases.data()));
  }
  const bool penalized = penalizes(sampling);
  const bool needs_all =
      penalized || sampling.dry.is_on() || (!greedy && (sampling.mirostat != 0 || sampling.top_n_sigma > 0.0f));
  if (!needs_all && biased_.size() <= most_biased)
    enough_ = greedy ? 1 : static_cast<size_t>(std::max(sampling.top_k, 0));
  if (penalized) {
    add(llama_sampler_init_penalties(size, sampling.penalty_last_n, sampling.repeat_penalty, sampling.frequency_penalty,
                                     sampling.presence_penalty));
  }
  if (sampling.dry.is_on())
    add(dry_samplers ? dry_samplers->make(sampling.dry, vocab) : DrySamplers().make(sampling.dry, vocab));
  if (greedy) {
    add(init_steady(1));
    add(llama_sampler_init_greedy());
    return;
  }
  // An impossible token's logit divided by infinity would be NaN.
  const float temperature = std::min(sampling.temperature, std::numeric_limits<float>::max());
  const uint32_t seed = seed_of(sampling);
  if (sampling.mirostat != 0) {
    learns_ = true;
    std::sort(banned_.begin(), banned_.end());
    add(init_steady(temperature));
    add(llama_sampler_init_temp(temperature));
    add(init_drop_impossible());
    add(sampling.mirostat == 1
            ? llama_sampler_init_mirostat(size, seed, sampling.mirostat_tau, sampling.mirostat_eta, 100)
            : llama_sampler_init_mirostat_v2(seed, sampling.mirostat_tau, sampling.mirostat_eta));
    return;
  }
  if (sampling.top_n_sigma > 0.0f) add(llama_sampler_init_top_n_sigma(sampling.top_n_sigma));
  add(init_steady(temperature - std::min(sampling.dynatemp_range, temperature)));
  // Top-k before top-p: 21 us a token over 32k entries, where top-p first takes 340.
  if (sampling.top_k > 0) add(llama_sampler_init_top_k(sampling.top_k));
  if (sampling.typical_p < 1.0f) {
    add(init_drop_impossible());
    add(llama_sampler_init_typical(sampling.typical_p, 1));
  }
  if (sampling.top_p < 1.0f) add(llama_sampler_init_top_p(sampling.top_p, 1));
  if (sampling.min_p > 0.0f) add(llama_sampler_init_min_p(sampling.min_p, 1));
  if (sampling.xtc_probability > 0.0f)
    add(llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 1, seed));
  if (sampling.dynatemp_range > 0.0f)
    add(llama_sampler_init_temp_ext(temperature, sampling.dynatemp_range, sampling.dynatemp_exponent));
  else
    add(llama_sampler_init_temp(temperature));
  if (sampling.adaptive_target >= 0.0f) {
    learns_ = true;
    std::sort(banned_.begin(), banned_.end());
    add(llama_sampler_init_adaptive_p(sampling.adaptive_target, sampling.adaptive_decay, seed));
  } else {
    add(llama_sampler_init_dist(seed));
  }
}

uint32_t seed_of(const Sampling& sampling) {
  const uint32_t seed = sampling.seed ? *sampling.seed : std::random_device{}();
  return seed == LLAMA_DEFAULT_SEED ? instead_of_default : seed;
}

bool penalizes(const Sampling& sampling) {
  return sampling.penalty_last_n != 0 &&
         (sampling.repeat_penalty != 1.0f || sampling.frequency_penalty != 0.0f || sampling.presence_penalty != 0.0f);
}

std::string what_leaves_no_token(const Sampling& sampling, std::span<const float> logits) {
  std::vector<float> left(logits.begin(), logits.end());
  const auto possible = [&] {
    return std::any_of(left.begin(), left.end(), [](float logit) { return std::isfinite(logit); });
  };
  if (!possible()) return {};
  for (const auto& [token, bias] : sampling.logit_bias) left[static_cast<size_t>(token)] += bias;
  if (!possible()) return "logitBias";
  if (!penalizes(sampling)) return sampling.dry.is_on() ? "dryMultiplier" : "";
  // Only one that is very large does that.
  const std::pair<float, const char*> sizes[] = {
      {std::max(sampling.repeat_penalty, 1.0f / sampling.repeat_penalty), "repeatPenalty"},
      {std::abs(sampling.frequency_penalty), "frequencyPenalty"},
      {std::abs(sampling.presence_penalty), "presencePenalty"}};
  return std::max_element(std::begin(sizes), std::end(sizes))->second;
}

void Sampler::add(llama_sampler* sampler) { llama_sampler_chain_add(chain_.get(), sampler); }

Token Sampler::sample(std::span<const float> logits, std::vector<llama_token_data>& scratch,
                      std::span<const uint32_t> allowed) {
  if (allowed.empty())
    preselect(logits, scratch);
  else
    preselect_allowed(logits, allowed, scratch);
  if (std::none_of(scratch.begin(), scratch.end(),
                   [](const llama_token_data& candidate) { return std::isfinite(candidate.logit); }))
    return LLAMA_TOKEN_NULL;
  if (learns_) {
    // A forced choice must not adapt mirostat or adaptive p.
    std::erase_if(scratch, [this](const llama_token_data& one) {
      return !std::isfinite(one.logit) || std::binary_search(banned_.begin(), banned_.end(), one.id);
    });
    if (scratch.size() <= 1) return scratch.empty() ? LLAMA_TOKEN_NULL : scratch.front().id;
  }
  llama_token_data_array candidates{scratch.data(), scratch.size(), -1, false};
  llama_sampler_apply(chain_.get(), &candidates);
  if (candidates.selected < 0 || static_cast<size_t>(candidates.selected) >= candidates.size) return LLAMA_TOKEN_NULL;
  const llama_token_data& chosen = candidates.data[candidates.selected];
  return chosen.logit == -INFINITY ? LLAMA_TOKEN_NULL : chosen.id;
}

// All tokens, or those among which the chain would choose anyway: as many of the most likely as top-k keeps, one more
// for each biased token, which may displace one, and the biased ones themselves. With 32,032 tokens this takes half the
// time of giving all of them to top-k (31 us against 60).
void Sampler::preselect(std::span<const float> logits, std::vector<llama_token_data>& candidates) const {
  const size_t count = enough_ == 0 ? 0 : enough_ + biased_.size();
  candidates.clear();
  if (count == 0 || count >= logits.size()) {
    for (size_t i = 0; i < logits.size(); ++i)
      candidates.push_back({static_cast<Token>(i), std::isnan(logits[i]) ? -INFINITY : logits[i], 0.0f});
    return;
  }
  // A heap with the least likely token on top.
  const auto likelier = [](const llama_token_data& a, const llama_token_data& b) { return a.logit > b.logit; };
  for (size_t i = 0; i < count; ++i)
    candidates.push_back({static_cast<Token>(i), std::isnan(logits[i]) ? -INFINITY : logits[i], 0.0f});
  std::make_heap(candidates.begin(), candidates.end(), likelier);
  float least = candidates.front().logit;
  for (size_t begin = count; begin < logits.size(); begin += block) {
    const size_t end = std::min(begin + block, logits.size());
    // Compared block by block, with vector instructions: few blocks contain a candidate.
    int any = 0;
    for (size_t i = begin; i < end; ++i) any |= logits[i] > least;
    for (size_t i = begin; any != 0 && i < end; ++i) {
      if (!(logits[i] > least)) continue;
      std::pop_heap(candidates.begin(), candidates.end(), likelier);
      candidates.back() = {static_cast<Token>(i), logits[i], 0.0f};
      std::push_heap(candidates.begin(), candidates.end(), likelier);
      least = candidates.front().logit;
    }
  }
  // Sorted by id, so that ties are broken as among all tokens.
  std::sort(candidates.begin(), candidates.end(),
            [](const llama_token_data& a, const llama_token_data& b) { return a.id < b.id; });
  for (const Token token : biased_) {
    const bool known = std::binary_search(
        candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), llama_token_data{token, 0, 0},
        [](const llama_token_data& a, const llama_token_data& b) { return a.id < b.id; });
    if (!known) candidates.push_back({token, logits[static_cast<size_t>(token)], 0.0f});
  }
}

// The allowed tokens, or, when they are many, those among which the chain would choose anyway.
void Sampler::preselect_allowed(std::span<const float> logits, std::span<const uint32_t> allowed,
                                std::vector<llama_token_data>& candidates) const {
  candidates.clear();
  for (size_t word = 0; word < allowed.size(); ++word) {
    for (uint32_t bits = allowed[word]; bits != 0; bits &= bits - 1) {
      const size_t token = 32 * word + static_cast<size_t>(std::countr_zero(bits));
      if (token < logits.size())
        candidates.push_back({static_cast<Token>(token), std::isnan(logits[token]) ? -INFINITY : logits[token], 0.0f});
    }
  }
  const size_t count = enough_ + biased_.size();
  if (enough_ == 0 || count >= candidates.size()) return;
  const auto middle = candidates.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(candidates.begin(), middle, candidates.end(),
                   [](const llama_token_data& a, const llama_token_data& b) {
                     return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
                   });
  // A bias may raise a token that is not among the most likely.
  const auto end = std::partition(middle, candidates.end(), [&](const llama_token_data& candidate) {
    return std::find(biased_.begin(), biased_.end(), candidate.id) != biased_.end();
  });
  candidates.erase(end, candidates.end());
  std::sort(candidates.begin(), candidates.end(),
            [](const llama_token_data& a, const llama_token_data& b) { return a.id < b.id; });
}

void Sampler::accept(Token token) { llama_sampler_accept(chain_.get(), token); }

}  // namespace caduceus
