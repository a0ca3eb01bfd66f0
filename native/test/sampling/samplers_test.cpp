// Each of llama.cpp's samplers in our chain against llama.cpp's own chain, in the order of its common/sampling.cpp: the
// same choices on the same logits, with what was taken before.
#include <chrono>
#include <cmath>
#include <memory>
#include <random>

#include "check.h"
#include "model/model.h"
#include "sampling/sampler.h"
#include "test_model.h"

using namespace caduceus;

namespace {

struct Free {
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
using Chain = std::unique_ptr<llama_sampler, Free>;

// All samplers, those that are off too.
Chain llama_chain(const Sampling& sampling, const llama_vocab* vocab) {
  Chain chain(llama_sampler_chain_init(llama_sampler_chain_default_params()));
  const auto add = [&](llama_sampler* sampler) { llama_sampler_chain_add(chain.get(), sampler); };
  const int32_t size = llama_vocab_n_tokens(vocab);
  std::vector<llama_logit_bias> biases;
  for (const auto& [token, bias] : sampling.logit_bias) biases.push_back({token, bias});
  add(llama_sampler_init_logit_bias(size, static_cast<int32_t>(biases.size()), biases.data()));
  if (sampling.mirostat == 0) {
    add(llama_sampler_init_penalties(size, sampling.penalty_last_n, sampling.repeat_penalty, sampling.frequency_penalty,
                                     sampling.presence_penalty));
    std::vector<const char*> breakers;
    for (const std::string& breaker : sampling.dry.sequence_breakers) breakers.push_back(breaker.c_str());
    add(llama_sampler_init_dry(vocab, sampling.dry.multiplier, sampling.dry.base, sampling.dry.allowed_length,
                               sampling.dry.last_n, breakers.data(), breakers.size()));
    add(llama_sampler_init_top_n_sigma(sampling.top_n_sigma));
    add(llama_sampler_init_top_k(sampling.top_k));
    add(llama_sampler_init_typical(sampling.typical_p, 0));
    add(llama_sampler_init_top_p(sampling.top_p, 0));
    add(llama_sampler_init_min_p(sampling.min_p, 0));
    add(llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 0, *sampling.seed));
    add(llama_sampler_init_temp_ext(sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent));
    if (sampling.adaptive_target >= 0)
      add(llama_sampler_init_adaptive_p(sampling.adaptive_target, sampling.adaptive_decay, *sampling.seed));
    else
      add(llama_sampler_init_dist(*sampling.seed));
  } else {
    add(llama_sampler_init_temp(sampling.temperature));
    add(sampling.mirostat == 1
            ? llama_sampler_init_mirostat(size, *sampling.seed, sampling.mirostat_tau, sampling.mirostat_eta, 100)
            : llama_sampler_init_mirostat_v2(*sampling.seed, sampling.mirostat_tau, sampling.mirostat_eta));
  }
  return chain;
}

Token llama_choice(llama_sampler* chain, const std::vector<float>& logits) {
  std::vector<llama_token_data> all;
  for (size_t i = 0; i < logits.size(); ++i) all.push_back({static_cast<Token>(i), logits[i], 0.0f});
  llama_token_data_array candidates{all.data(), all.size(), -1, false};
  llama_sampler_apply(chain, &candidates);
  return candidates.data[candidates.selected].id;
}

// Some tokens are far likelier than others, as in a text.
std::vector<float> some_logits(std::mt19937& random, size_t size) {
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  for (int i = 0; i < 30; ++i) logits[random() % 200] += 8;
  return logits;
}

struct Case {
  const char* name;
  void (*set)(Sampling&);
  bool counts = true;  // without it other tokens are chosen
};

const Case cases[] = {
    {"as it comes", [](Sampling&) {}, false},
    {"penalties",
     [](Sampling& s) {
       s.repeat_penalty = 1.5f;
       s.frequency_penalty = 0.5f;
       s.presence_penalty = 0.5f;
     }},
    {"typical_p", [](Sampling& s) { s.typical_p = 0.3f; }},
    {"typical_p among all",
     [](Sampling& s) {
       s.typical_p = 0.5f;
       s.top_k = 0;
       s.top_p = 1;
       s.min_p = 0;
     }},
    {"top_n_sigma",
     [](Sampling& s) {
       s.top_n_sigma = 3.5f;
       s.top_k = 0;
       s.top_p = 1;
       s.min_p = 0;
     }},
    {"xtc",
     [](Sampling& s) {
       s.xtc_probability = 0.6f;
       s.xtc_threshold = 0.02f;
     }},
    {"dynatemp",
     [](Sampling& s) {
       s.dynatemp_range = 0.7f;
       s.dynatemp_exponent = 1.5f;
     }},
    {"mirostat",
     [](Sampling& s) {
       s.mirostat = 1;
       s.mirostat_tau = 3;
     }},
    {"mirostat 2",
     [](Sampling& s) {
       s.mirostat = 2;
       s.mirostat_tau = 3;
       s.mirostat_eta = 0.3f;
     }},
    {"adaptive p", [](Sampling& s) { s.adaptive_target = 0.3f; }},
    {"adaptive p among all, with a short memory",
     [](Sampling& s) {
       s.adaptive_target = 0.0f;
       s.adaptive_decay = 0.5f;
       s.top_k = 0;
       s.top_p = 1;
     }},
    {"dry", [](Sampling& s) { s.dry = {2.0f, 1.75f, 1, 64, {"\n", ":", "\"", "*"}}; }},
    {"dry without breakers", [](Sampling& s) { s.dry = {2.0f, 1.75f, 1, 64, {}}; }},
    {"all at once",
     [](Sampling& s) {
       s.repeat_penalty = 1.2f;
       s.dry = {1.0f, 1.5f, 1, 64, {"\n"}};
       s.top_k = 100;
       s.typical_p = 0.9f;
       s.xtc_probability = 0.3f;
       s.xtc_threshold = 0.05f;
       s.dynatemp_range = 0.3f;
     }},
};

Sampling base(uint32_t seed) {
  Sampling sampling;
  sampling.temperature = 1.2f;
  sampling.seed = seed;
  sampling.logit_bias = {{3, -50.0f}, {5, 4.0f}};
  return sampling;
}

std::vector<uint32_t> only(std::initializer_list<Token> tokens, size_t size) {
  std::vector<uint32_t> mask((size + 31) / 32);
  for (const Token token : tokens) mask[static_cast<size_t>(token) / 32] |= uint32_t{1} << (token % 32);
  return mask;
}

}  // namespace

int main() {
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const llama_vocab* vocab = model->vocab();
  const size_t size = model->info().vocabulary_size;
  std::vector<llama_token_data> scratch;
  DrySamplers dry_samplers;

  for (const Case& one : cases) {
    CLAIM((std::string(one.name) + ": the choices of llama.cpp's own chain, with what was taken before").c_str());
    size_t differences = 0;
    for (uint32_t seed = 1; seed <= 6; ++seed) {
      std::mt19937 random(seed);
      Sampling sampling = base(seed);
      one.set(sampling);
      Sampler ours(sampling, vocab, &dry_samplers);
      Sampler plain(base(seed), vocab);
      const Chain theirs = llama_chain(sampling, vocab);
      // A history that repeats itself, and tokens that are forced on the way.
      std::vector<Token> history;
      for (int i = 0; i < 40; ++i) history.push_back(static_cast<Token>(10 + i % 7));
      for (int step = 0; step < 25; ++step) {
        for (const Token token : history) {
          ours.accept(token);
          plain.accept(token);
          llama_sampler_accept(theirs.get(), token);
        }
        auto logits = some_logits(random, size);
        for (int i = 0; i < 7; ++i) logits[static_cast<size_t>(10 + i)] += 9;
        const Token chosen = ours.sample(logits, scratch);
        CHECK(chosen == llama_choice(theirs.get(), logits));
        differences += chosen != plain.sample(logits, scratch);
        history = {chosen};
        if (step % 5 == 4) history.insert(history.end(), {10, 11, 12, 13});
      }
    }
    CHECK(differences > 0 || !one.counts);
  }

  CLAIM("at temperature 0 the likeliest token is taken, whatever leaves candidates out");
  for (const Case& one : cases) {
    Sampling sampling = base(1);
    one.set(sampling);
    sampling.temperature = 0;
    std::mt19937 random(7);
    for (int i = 0; i < 5; ++i) {
      const auto logits = some_logits(random, size);
      Sampling greedy = base(1);
      greedy.temperature = 0;
      CHECK(Sampler(sampling, vocab).sample(logits, scratch) == Sampler(greedy, vocab).sample(logits, scratch));
    }
  }

  CLAIM("banned tokens, infinities and what is no number never come, and break nothing");
  for (const Case& one : cases) {
    Sampling sampling = base(2);
    one.set(sampling);
    for (Token token = 0; token < static_cast<Token>(size) - 3; ++token)
      sampling.logit_bias.emplace_back(token, -INFINITY);
    std::vector<float> logits(size, 1.0f);
    logits[size - 1] = NAN;
    logits[size - 2] = -INFINITY;
    Sampler sampler(sampling, vocab);
    for (int i = 0; i < 5; ++i) CHECK(sampler.sample(logits, scratch) == static_cast<Token>(size) - 3);
    sampling.logit_bias.emplace_back(static_cast<Token>(size) - 3, -INFINITY);
    CHECK(Sampler(sampling, vocab).sample(logits, scratch) == LLAMA_TOKEN_NULL);
  }

  CLAIM(
      "far below the best, huge or infinite: what can come comes, and nothing that is hundreds below it, at any "
      "temperature");
  for (const Case& one : cases) {
    for (const float temperature : {0.0f, 1e-38f, 0.05f, 1.2f, 3e38f, INFINITY}) {
      for (const float bias : {-100.0f, -104.0f, -3e38f, 3e38f}) {
        Sampling sampling = base(4);
        one.set(sampling);
        sampling.temperature = temperature;
        sampling.logit_bias.clear();
        // Ten are left as they are, or are lifted.
        for (Token token = 0; token < static_cast<Token>(size); ++token) {
          if ((token % 1000 == 7) == (bias > 0)) sampling.logit_bias.emplace_back(token, bias);
        }
        std::mt19937 random(5);
        Sampler sampler(sampling, vocab, &dry_samplers);
        for (int step = 0; step < 8; ++step) {
          const Token chosen = sampler.sample(some_logits(random, size), scratch);
          CHECK(chosen >= 0 && (chosen % 1000 == 7 || temperature > 2));
          sampler.accept(chosen);
        }
      }
    }
  }

  CLAIM("extreme penalties leave a token, as long as there is one that they do not touch");
  for (const Case& one : cases) {
    for (const float penalty : {1e-45f, 1e-30f, 1e30f, 3e38f, INFINITY, -1e30f, -3e38f, -INFINITY}) {
      for (const float temperature : {0.0f, 0.05f, 1.2f}) {
        Sampling sampling = base(5);
        one.set(sampling);
        sampling.temperature = temperature;
        sampling.repeat_penalty = std::fabs(penalty);
        sampling.frequency_penalty = penalty;
        sampling.presence_penalty = -penalty;
        sampling.dry = {1000.0f, 1000.0f, 1, 64, {}};
        std::mt19937 random(6);
        Sampler sampler(sampling, vocab, &dry_samplers);
        for (int i = 0; i < 20; ++i) sampler.accept(static_cast<Token>(10 + i % 4));
        for (int step = 0; step < 8; ++step) {
          const Token chosen = sampler.sample(some_logits(random, size), scratch);
          CHECK(chosen >= 0);
          sampler.accept(chosen);
        }
      }
    }
  }

  CLAIM("mirostat learns from choices, not from where there was none");
  for (const int version : {1, 2}) {
    Sampling sampling = base(3);
    sampling.mirostat = version;
    Sampler one(sampling, vocab);
    Sampler other(sampling, vocab);
    std::mt19937 random(3);
    for (int i = 0; i < 30; ++i) {
      const auto logits = some_logits(random, size);
      CHECK(one.sample(logits, scratch, only({77}, size)) == 77);
      CHECK(one.sample(logits, scratch) == other.sample(logits, scratch));
    }
    CHECK(one.learns());
  }

  const auto dry = Dry{0.8f, 1.75f, 2, 4096, {"\n", ":", "\"", "*"}};
  for (const char* what : {"made", "copied"}) {
    const auto begin = std::chrono::steady_clock::now();
    llama_sampler_free(dry_samplers.make(dry, vocab));
    std::fprintf(stderr, "    a sampler for DRY with 4 breakers is %s in %.2f ms\n", what,
                 std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  return report();
}
