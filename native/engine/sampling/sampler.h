// Chooses the next token of one run. Used by the engine thread only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "llama.h"
#include "sampling/dry_samplers.h"
#include "scheduler/request.h"

namespace caduceus {

// Seed for llama.cpp's random numbers: the given one, or a new one. Never the value that llama.cpp replaces itself.
uint32_t seed_of(const Sampling& sampling);

bool penalizes(const Sampling& sampling);

// Name of the option that left no logit finite, as the caller knows it; empty if the model caused it.
std::string what_leaves_no_token(const Sampling& sampling, std::span<const float> logits);

// llama.cpp's samplers in llama.cpp's order, without those that are off. At temperature 0, the most likely token after
// biases, penalties and DRY is taken. Mirostat replaces the samplers after biases, penalties, DRY and temperature;
// adaptive p, which is the last one, chooses among what they leave.
class Sampler {
 public:
  // `dry_samplers` avoids creating a new DRY sampler.
  Sampler(const Sampling& sampling, const llama_vocab* vocab, DrySamplers* dry_samplers = nullptr);

  // Choices have state: the token that was chosen must be the one that is accepted.
  bool learns() const { return learns_; }

  // Chooses a token; LLAMA_TOKEN_NULL when none has a finite logit. `logits` is one row of the vocabulary; `scratch` is
  // shared by all samplers of a thread. `allowed` has a bit for each token; tokens without it are impossible.
  Token sample(std::span<const float> logits, std::vector<llama_token_data>& scratch,
               std::span<const uint32_t> allowed = {});

  // Adds a token to the penalties' history: prompt tokens first, then every generated one.
  void accept(Token token);

 private:
  struct Free {
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
  };
  using Handle = std::unique_ptr<llama_sampler, Free>;

  void add(llama_sampler* sampler);
  void preselect(std::span<const float> logits, std::vector<llama_token_data>& candidates) const;
  void preselect_allowed(std::span<const float> logits, std::span<const uint32_t> allowed,
                         std::vector<llama_token_data>& candidates) const;

  Handle chain_;
  size_t enough_ =
      0;  // number of most likely tokens that decide the choice, biased ones not counted; 0: all are needed
  std::vector<Token> biased_;
  std::vector<Token> banned_;  // of these, sorted
  bool learns_ = false;
};

}  // namespace caduceus
