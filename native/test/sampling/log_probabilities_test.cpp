// The log probabilities of prompts and of what follows them, against llama.cpp's own logits.
#include "sampling/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <thread>

#include "check.h"
#include "engine_harness.h"
#include "model/model.h"
#include "test_model.h"

using namespace caduceus;

namespace {

constexpr uint32_t top_count = 5;

std::vector<Token> tokens_of(Engine& engine, const std::string& text) {
  return engine.tokenizer().tokenize(std::vector<PromptPart>{TextPart{text}});
}

std::string some_text(int sentences, uint32_t seed) {
  static const char* words[] = {"The", "river",  "runs",   "past", "old",    "houses",
                                "and", "nobody", "counts", "its",  "stones", "anymore."};
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < sentences * 8; ++i) text += std::string(text.empty() ? "" : " ") + words[random() % 12];
  return text;
}

RunRequest scoring(const std::vector<Token>& tokens, uint32_t max_tokens = 0) {
  RunRequest request;
  request.prompt = {TokensPart{tokens}};
  request.sampling.temperature = 0;
  request.max_tokens = max_tokens;
  request.prompt_log_probabilities = true;
  request.top_log_probabilities = top_count;
  return request;
}

// Natural logarithms for every token after each of `tokens`, by llama.cpp's interface alone, read in pieces of that
// size.
std::vector<std::vector<double>> reference(Model& model, std::vector<Token> tokens, int32_t piece) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 2048;
  params.n_batch = params.n_ubatch = 512;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  llama_context* context = llama_init_from_model(model.get(), params);
  CHECK(context);
  std::vector<std::vector<double>> all;
  for (size_t begin = 0; begin < tokens.size(); begin += static_cast<size_t>(piece)) {
    const auto count = static_cast<int32_t>(std::min<size_t>(static_cast<size_t>(piece), tokens.size() - begin));
    llama_batch batch = llama_batch_get_one(tokens.data() + begin, count);
    std::vector<int8_t> outputs(static_cast<size_t>(count), 1);
    batch.logits = outputs.data();
    CHECK(llama_decode(context, batch) == 0);
    for (int32_t row = 0; row < count; ++row) {
      const float* logits = llama_get_logits_ith(context, row);
      double sum = 0;
      for (uint32_t i = 0; i < model.info().vocabulary_size; ++i) sum += std::exp(static_cast<double>(logits[i]));
      std::vector<double> values(model.info().vocabulary_size);
      for (uint32_t i = 0; i < values.size(); ++i) values[i] = logits[i] - std::log(sum);
      all.push_back(std::move(values));
    }
  }
  llama_free(context);
  return all;
}

void check_scores(const ScoredTokens& scores, const std::vector<Token>& tokens,
                  const std::vector<std::vector<double>>& expected, double tolerance, const char* what) {
  CHECK(scores.tokens == tokens);
  CHECK(scores.log_probabilities.size() == tokens.size() && std::isnan(scores.log_probabilities[0]));
  CHECK(scores.top.size() == tokens.size() * top_count);
  double largest = 0;
  for (size_t i = 1; i < tokens.size(); ++i) {
    largest =
        std::max(largest, std::abs(scores.log_probabilities[i] - expected[i - 1][static_cast<size_t>(tokens[i])]));
    const auto top = std::span(scores.top).subspan(i * top_count, top_count);
    CHECK(std::is_sorted(top.begin(), top.end(),
                         [](const auto& a, const auto& b) { return a.log_probability > b.log_probability; }));
    for (const auto& [token, value] : top) {
      largest = std::max(largest, std::abs(value - expected[i - 1][static_cast<size_t>(token)]));
      if (token == tokens[i]) CHECK(value == scores.log_probabilities[i]);
    }
  }
  std::fprintf(stderr, "    %s: at most %.6f apart over %zu tokens\n", what, largest, tokens.size());
  CHECK(largest <= tolerance);
}

void likeliest() {
  CLAIM("the likeliest tokens are those of a full sort, ties and unusable logits included");
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> logits(1 + random() % 300);
    for (float& logit : logits) logit = random() % 40 == 0 ? -INFINITY : static_cast<float>(random() % 50) / 10 - 2;
    const size_t count = random() % 21;
    std::vector<Token> sorted(logits.size());
    for (size_t i = 0; i < sorted.size(); ++i) sorted[i] = static_cast<Token>(i);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](Token a, Token b) { return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)]; });
    const LogProbabilities probabilities(logits);
    const auto top = probabilities.top(count);
    CHECK(top.size() == std::min(count, logits.size()));
    double sum = 0;
    for (size_t i = 0; i < top.size(); ++i) CHECK(top[i].token == sorted[i]);
    for (size_t i = 0; i < logits.size(); ++i)
      sum += std::exp(static_cast<double>(probabilities.of(static_cast<Token>(i))));
    CHECK(logits.size() == 1 || std::isnan(sum) || std::abs(sum - 1) < 1e-4);
  }
  std::vector<float> damaged(50, 1.0f);
  damaged[3] = NAN;
  CHECK(std::isnan(LogProbabilities(damaged).of(3)));
  CHECK(LogProbabilities(damaged).top(20).size() == 20);
}

void scores(const std::shared_ptr<Model>& model) {
  Harness harness(model, 2048, 8192);
  const auto tokens = tokens_of(*harness.engine, some_text(20, 1));
  CHECK(tokens.size() > 130);
  CLAIM("a prompt's log probabilities are llama.cpp's own, and it writes nothing where nothing is asked for");
  const RunOutput alone = harness.wait(harness.engine->submit(scoring(tokens)));
  CHECK(alone.end->reason == FinishReason::length && alone.tokens.empty() && alone.text.empty());
  CHECK(alone.end->usage.prompt_tokens == tokens.size() && alone.end->usage.generated_tokens == 0);
  check_scores(alone.prompt, tokens, reference(*model, tokens, 40), 1e-4, "in pieces");
  // From 64 rows on ggml computes attention otherwise, and rounding activations to 8 bits makes more of the last bits.
  check_scores(alone.prompt, tokens, reference(*model, tokens, 512), 1.0, "whole");

  CLAIM("what is cached is computed again for them, and shared by who comes after");
  const RunOutput again = harness.wait(harness.engine->submit(scoring(tokens)));
  CHECK(again.end->usage.cached_tokens == 0);
  CHECK(std::equal(again.prompt.log_probabilities.begin() + 1, again.prompt.log_probabilities.end(),
                   alone.prompt.log_probabilities.begin() + 1));
  RunRequest plain = scoring(tokens, 1);
  plain.prompt_log_probabilities = false;
  CHECK(harness.wait(harness.engine->submit(plain)).end->usage.cached_tokens == tokens.size() - 1);

  CLAIM("generated tokens come with the likeliest at their places, and so does the end of the turn");
  RunRequest answer = question("What is the capital of France?");
  answer.log_probabilities = answer.prompt_log_probabilities = true;
  answer.top_log_probabilities = top_count;
  const RunOutput answered = harness.wait(harness.engine->submit(answer));
  CHECK(answered.text == "The capital of France is Paris.");
  CHECK(answered.prompt.tokens.size() == answered.end->usage.prompt_tokens);
  CHECK(answered.top.size() == answered.tokens.size() * top_count);
  for (size_t i = 0; i < answered.tokens.size(); ++i) {
    CHECK(answered.top[i * top_count].token == answered.tokens[i] &&
          answered.top[i * top_count].log_probability == answered.log_probabilities[i]);
  }
  const auto& end = answered.end->end_token;
  CHECK(end && harness.engine->tokenizer().is_end_of_generation(end->tokens.at(0)) && end->top.size() == top_count &&
        end->top[0].token == end->tokens[0]);
  answer.log_probabilities = false;
  CHECK(!harness.wait(harness.engine->submit(answer)).end->end_token);

  CLAIM("a prompt of one token has nothing to tell");
  const RunOutput one = harness.wait(harness.engine->submit(scoring({tokens[0]})));
  CHECK(one.prompt.tokens == std::vector<Token>{tokens[0]} && one.end->reason == FinishReason::length);

  CLAIM("more alternatives than there are tokens are refused");
  RunRequest greedy = scoring(tokens);
  greedy.top_log_probabilities = 1'000'000;
  CHECK(harness.wait(harness.engine->submit(greedy)).end->error->code() == "INVALID_ARGUMENT");
}

void crowd(const std::shared_ptr<Model>& model) {
  CLAIM(
      "24 scored prompts beside each other, running neighbors and cancels, come out as alone, but for the order of "
      "cells");
  Harness harness(model, 1024, 8192);
  std::vector<RunId> neighbors;
  for (int i = 0; i < 4; ++i) neighbors.push_back(harness.engine->submit(endless("Count to " + std::to_string(i), 30)));
  std::map<RunId, std::vector<Token>> runs;
  std::set<RunId> cancelled;
  for (uint32_t i = 0; i < 24; ++i) {
    const auto tokens = tokens_of(*harness.engine, some_text(1 + static_cast<int>(i % 9), i));
    const RunId id = harness.engine->submit(scoring(tokens, i % 3));
    runs.emplace(id, tokens);
    if (i % 7 == 0) harness.engine->cancel(id), cancelled.insert(id);
  }
  double worst = 0;
  for (const auto& [id, tokens] : runs) {
    const RunOutput output = harness.wait(id);
    if (cancelled.contains(id)) continue;
    CHECK(output.end->reason != FinishReason::error && output.end->reason != FinishReason::cancelled);
    CHECK(output.prompt.tokens == tokens && output.prompt.log_probabilities.size() == tokens.size());
    for (size_t i = 1; i < tokens.size(); ++i) CHECK(output.prompt.log_probabilities[i] <= 0);
    if (id % 5 != 0) continue;
    const auto expected = reference(*model, tokens, 40);
    for (size_t i = 1; i < tokens.size(); ++i)
      worst = std::max(worst,
                       std::abs(output.prompt.log_probabilities[i] - expected[i - 1][static_cast<size_t>(tokens[i])]));
  }
  std::fprintf(stderr, "    at most %.6f apart\n", worst);
  // Where cells have been freed meanwhile, sums are taken in another order, and rounding activations to 8 bits makes
  // more of that.
  CHECK(worst < 0.7);
  for (const RunId id : neighbors) CHECK(harness.wait(id).tokens.size() == 30);
  CHECK(harness.engine->stats().running == 0 && harness.engine->stats().queued == 0);

  CLAIM("a prompt that is cancelled while it is scored ends at once");
  const auto long_prompt = tokens_of(*harness.engine, some_text(110, 5));
  const RunId reading = harness.engine->submit(scoring(long_prompt));
  while (harness.engine->stats().running == 0) std::this_thread::sleep_for(1ms);
  harness.engine->cancel(reading);
  const RunOutput ended = harness.wait(reading);
  CHECK(ended.end->reason == FinishReason::cancelled && ended.prompt.tokens.empty());
}

void exact(const std::shared_ptr<Model>& model) {
  CLAIM("deterministic runs score their prompts as llama.cpp does, to the same bits beside others as alone");
  Harness harness(model, 1024, 2048);
  RunRequest request = scoring(tokens_of(*harness.engine, some_text(12, 3)));
  request.deterministic = true;
  const auto tokens = std::get<TokensPart>(request.prompt.at(0)).tokens;
  const auto alone = harness.wait(harness.engine->submit(request)).prompt;
  check_scores(alone, tokens, reference(*model, tokens, 40), 1e-4, "exact");
  const RunId neighbor = harness.engine->submit(endless("Count.", 80));
  std::vector<RunId> several;
  for (int i = 0; i < 3; ++i) several.push_back(harness.engine->submit(request));
  for (const RunId id : several) {
    const auto beside = harness.wait(id).prompt;
    CHECK(alone.tokens == beside.tokens &&
          std::equal(alone.log_probabilities.begin() + 1, alone.log_probabilities.end(),
                     beside.log_probabilities.begin() + 1));
  }
  harness.engine->cancel(neighbor);
  harness.wait(neighbor);
}

}  // namespace

int main() {
  likeliest();
  const auto model = load_test_model("CADUCEUS_TEST_SMOLLM2");
  scores(model);
  crowd(model);
  exact(model);
  return report();
}
