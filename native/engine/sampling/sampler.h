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

// For all that llama.cpp draws at random: the given seed, or a new one. Never the one that llama.cpp itself replaces.
uint32_t seed_of(const Sampling& sampling);

bool penalizes(const Sampling& sampling);

// The options that left none of these logits finite; empty where it was the model.
std::string what_leaves_no_token(const Sampling& sampling, std::span<const float> logits);

// llama.cpp's samplers in the order of its own chain; those that are off are left out. At temperature 0 the likeliest
// token after biases, penalties and DRY is taken, whatever else is set. Mirostat chooses by itself, after biases,
// penalties, DRY and the temperature.
class Sampler {
 public:
  // `dry_samplers` spares making a new one for DRY.
  Sampler(const Sampling& sampling, const llama_vocab* vocab, DrySamplers* dry_samplers = nullptr);

  // Each choice changes the next one: what is chosen must be what is taken.
  bool learns() const { return learns_; }

  // The chosen token, or LLAMA_TOKEN_NULL when no token has a finite logit. `logits` is one row of the vocabulary;
  // `scratch` is shared by all samplers of a thread. With `allowed`, a bit for each token, all others count as
  // impossible.
  Token sample(std::span<const float> logits, std::vector<llama_token_data>& scratch,
               std::span<const uint32_t> allowed = {});

  // Tells the penalties what came before: prompt tokens first, then every generated one.
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
  size_t enough_ = 0;  // the likeliest tokens that decide the choice, biased ones not counted; 0: all are needed
  std::vector<Token> biased_;
  std::vector<Token> banned_;  // of these, sorted
  bool learns_ = false;
};

}  // namespace caduceus
