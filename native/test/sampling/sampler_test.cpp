// The sampler's short cut against llama.cpp's chain over all tokens: the same choices, whatever the settings.
#include "sampling/sampler.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <random>

#include "check.h"
#include "model/model.h"
#include "test_model.h"

using namespace caduceus;

namespace {

std::vector<float> some_logits(std::mt19937& random, size_t size) {
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

// A penalty that changes nothing keeps the short cut away.
Sampling the_long_way(Sampling sampling) {
  sampling.presence_penalty = 1e-30f;
  return sampling;
}

}  // namespace

int main() {
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const size_t size = model->info().vocabulary_size;
  std::mt19937 random(1);
  std::vector<llama_token_data> scratch;

  CLAIM("the likeliest tokens alone give the same choices as all of them, with biases and bans too");
  for (int round = 0; round < 200; ++round) {
    Sampling sampling;
    sampling.temperature = round % 3 == 0 ? 0.0f : 0.5f + static_cast<float>(round % 5);
    sampling.top_k = std::vector<int32_t>{1, 5, 40, 200, 40000}[static_cast<size_t>(round) % 5];
    sampling.seed = static_cast<uint32_t>(round);
    for (int bias = round % 40; bias > 0; --bias) {
      const auto token = static_cast<Token>(random() % size);
      sampling.logit_bias.emplace_back(token, bias % 3 == 0 ? -INFINITY : static_cast<float>(bias % 11) - 5);
    }
    Sampler fast(sampling, model->vocab());
    Sampler slow(the_long_way(sampling), model->vocab());
    for (int token = 0; token < 5; ++token) {
      const auto logits = some_logits(random, size);
      const Token chosen = fast.sample(logits, scratch);
      CHECK(chosen == slow.sample(logits, scratch));
      fast.accept(chosen);
      slow.accept(chosen);
    }
  }

  CLAIM("logits that are no numbers are never chosen, and a row of them gives no token");
  Sampling greedy;
  greedy.temperature = 0;
  Sampler sampler(greedy, model->vocab());
  std::vector<float> logits(size, NAN);
  CHECK(sampler.sample(logits, scratch) == LLAMA_TOKEN_NULL);
  logits[777] = 1;
  CHECK(sampler.sample(logits, scratch) == 777);
  CHECK(Sampler(Sampling{}, model->vocab()).sample(logits, scratch) == 777);
  Sampling banned = greedy;
  banned.logit_bias = {{777, -INFINITY}};
  CHECK(Sampler(banned, model->vocab()).sample(logits, scratch) == LLAMA_TOKEN_NULL);

  CLAIM("a seed that is given always gives the same choices, llama.cpp's own default among them");
  const auto drawn = [&](std::optional<uint32_t> seed) {
    Sampling sampling;
    sampling.temperature = 5;
    sampling.top_k = 0;
    sampling.top_p = 1;
    sampling.min_p = 0;
    sampling.seed = seed;
    Sampler drawing(sampling, model->vocab());
    std::mt19937 same(7);
    const auto scores = some_logits(same, size);
    std::vector<Token> tokens;
    for (int i = 0; i < 8; ++i) tokens.push_back(drawing.sample(scores, scratch));
    return tokens;
  };
  for (const uint32_t seed : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu, LLAMA_DEFAULT_SEED})
    CHECK(drawn(seed) == drawn(seed));
  CHECK(drawn(1) != drawn(2) && drawn(0xffffffff) != drawn(0xfffffffe) && drawn({}) != drawn({}));

  CLAIM(
      "where no token is left, what made them impossible is named; a row without any finite score is the model's "
      "fault");
  {
    std::mt19937 same(7);
    const auto scores = some_logits(same, size);
    Sampling all_banned;
    for (Token token = 0; token < static_cast<Token>(size); ++token)
      all_banned.logit_bias.emplace_back(token, -INFINITY);
    CHECK(Sampler(all_banned, model->vocab()).sample(scores, scratch) == LLAMA_TOKEN_NULL);
    CHECK(what_leaves_no_token(all_banned, scores) == "logitBias");
    CHECK(what_leaves_no_token(all_banned, std::vector<float>(size, NAN)).empty());
    Sampling penalized;
    penalized.frequency_penalty = INFINITY;
    CHECK(what_leaves_no_token(penalized, scores) == "frequencyPenalty");
  }

  const auto large = some_logits(random, size);
  for (const bool short_cut : {true, false}) {
    Sampler timed(short_cut ? Sampling{} : the_long_way({}), model->vocab());
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; ++i) timed.sample(large, scratch);
    const double us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() / 200;
    std::fprintf(stderr, "    %s: %.0f us a token of %zu\n", short_cut ? "short cut" : "long way", us, size);
  }
  return report();
}
