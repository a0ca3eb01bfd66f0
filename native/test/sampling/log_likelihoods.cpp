// Log likelihoods by llama.cpp's interface alone, for `npm run test:heavy -- lm_eval` to compare with.
//   log_likelihoods MODEL ROWS < pairs
// Pairs are a context and its continuation, each ended by NUL. Each gives a line: the sum of the continuation's log
// probabilities, 1 where all of its tokens are the likeliest, and the log probability of each. The prompt is read in
// pieces of so many rows.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "llama.h"

namespace {

std::vector<llama_token> tokenize(const llama_vocab* vocab, const std::string& text) {
  std::vector<llama_token> tokens(text.size() + 8);
  const int32_t count = llama_tokenize(vocab, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                                       static_cast<int32_t>(tokens.size()), true, true);
  if (count < 0) std::exit(1);
  tokens.resize(static_cast<size_t>(count));
  return tokens;
}

struct Likelihood {
  double sum = 0;
  bool greedy = true;
  std::vector<double> each;
};

Likelihood measure(llama_context* context, const llama_vocab* vocab, std::vector<llama_token> tokens, size_t known,
                   size_t rows) {
  llama_memory_clear(llama_get_memory(context), true);
  const auto size = static_cast<size_t>(llama_vocab_n_tokens(vocab));
  Likelihood result;
  for (size_t begin = 0; begin < tokens.size(); begin += rows) {
    const size_t count = std::min(rows, tokens.size() - begin);
    llama_batch batch = llama_batch_get_one(tokens.data() + begin, static_cast<int32_t>(count));
    std::vector<int8_t> outputs(count, 1);
    batch.logits = outputs.data();
    if (llama_decode(context, batch) != 0) std::exit(1);
    for (size_t at = begin; at < begin + count; ++at) {
      if (at + 1 < known || at + 1 >= tokens.size()) continue;
      const float* logits = llama_get_logits_ith(context, static_cast<int32_t>(at - begin));
      const float* best = std::max_element(logits, logits + size);
      double sum = 0;
      for (size_t i = 0; i < size; ++i) sum += std::exp(static_cast<double>(logits[i]) - *best);
      const auto next = static_cast<size_t>(tokens[at + 1]);
      result.each.push_back(logits[next] - *best - std::log(sum));
      result.sum += result.each.back();
      result.greedy = result.greedy && logits[next] == *best;
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto rows = static_cast<size_t>(std::atoi(argv[2]));
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) return 1;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 2048;
  params.n_batch = params.n_ubatch = 2048;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  llama_context* context = llama_init_from_model(model, params);
  if (!context) return 1;
  const llama_vocab* vocab = llama_model_get_vocab(model);
  std::string before;
  std::string after;
  while (std::getline(std::cin, before, '\0') && std::getline(std::cin, after, '\0')) {
    const auto [sum, greedy, each] =
        measure(context, vocab, tokenize(vocab, before + after), tokenize(vocab, before).size(), rows);
    std::printf("%.9g %d", sum, greedy ? 1 : 0);
    for (const double one : each) std::printf(" %.6g", one);
    std::printf("\n");
  }
  llama_free(context);
  llama_model_free(model);
}
