// The number of threads decides how soon something is computed, and nothing of what comes out.
//   threads_test [all: SmolLM2 as well]
#include <cstring>
#include <string>
#include <vector>

#include "engine_harness.h"
#include "model/llama_context.h"
#include "test_model.h"

using namespace caduceus;

namespace {

// More than there are free cores wait for each other for long.
constexpr uint32_t most_threads = 3;
constexpr uint32_t usual_threads = 2;
// Over more cells than 512 ggml divides a single row's attention among the threads; the cells are counted in steps of
// 256.
constexpr uint32_t prompt_tokens = 580;

struct Rows {
  std::vector<float> prompt;  // the last row of each piece of the prompt
  std::vector<float> decoded;
  bool operator==(const Rows& other) const {
    const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
    };
    return same(prompt, other.prompt) && same(decoded, other.decoded);
  }
};

// The prompt's first 512 tokens at once, the others in pieces.
Rows compute(const std::shared_ptr<Model>& model, ggml_type kv_type, uint32_t threads, uint32_t piece = 64) {
  ContextOptions options;
  options.context_size = 1024;
  options.cache_tokens = 1024;
  options.kv_type = kv_type;
  options.threads = std::max(threads, usual_threads);
  Context context(model, options);
  context.force_threads(threads);
  Rows rows;
  const auto add = [&](std::vector<float>& to, int row) {
    const auto logits = context.logits(row);
    to.insert(to.end(), logits.begin(), logits.end());
  };
  const auto token = [&](uint32_t at) { return static_cast<Token>(300 + (at * 7919) % 20000); };
  uint32_t at = 0;
  while (at < prompt_tokens) {
    std::vector<Context::Row> batch;
    const uint32_t end = at == 0 ? 512 : std::min(at + piece, prompt_tokens);
    for (; at < end; ++at) batch.push_back({token(at), static_cast<llama_pos>(at), 1, at + 1 == end});
    CHECK(context.decode(batch) == 0);
    add(rows.prompt, static_cast<int>(batch.size()) - 1);
  }
  for (int i = 0; i < 4; ++i, ++at) {
    const Context::Row row{token(at), static_cast<llama_pos>(at), 1, true};
    CHECK(context.decode({&row, 1}) == 0);
    add(rows.decoded, 0);
  }
  return rows;
}

}  // namespace

int main(int argc, char**) {
  const auto hermes = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  std::vector models{hermes};
  if (argc > 1) models.push_back(load_test_model("CADUCEUS_TEST_SMOLLM2"));

  CLAIM(
      "one to three threads give the same scores to the bit, for prompts and single tokens, whatever holds the cache");
  for (const auto& model : models) {
    for (const ggml_type kv_type : {GGML_TYPE_F16, GGML_TYPE_F32, GGML_TYPE_Q8_0}) {
      const Rows one = compute(model, kv_type, 1);
      const uint32_t most = kv_type == GGML_TYPE_F16 ? most_threads : usual_threads;
      for (uint32_t threads = 2; threads <= most; ++threads) CHECK(compute(model, kv_type, threads) == one);
    }
  }

  CLAIM("a token comes out the same alone as beside the drafts after it");
  {
    const Rows alone = compute(hermes, GGML_TYPE_F16, 1, 1);
    const Rows together = compute(hermes, GGML_TYPE_F16, 1, 4);
    CHECK(alone.decoded == together.decoded);
  }

  CLAIM("the same question at temperature 0 gets the same answer while the number of threads changes");
  ContextOptions options;
  options.context_size = 1024;
  options.cache_tokens = 2048;
  options.threads = usual_threads;
  auto context = std::make_unique<Context>(models.back(), options);
  Context& computing = *context;
  Harness harness(std::move(context));
  std::string text = "Sum up what follows.";
  for (int i = 0; i < 26; ++i)
    text += " In the year " + std::to_string(1800 + 3 * i) + " a ship left the harbor with " + std::to_string(i * i) +
            " barrels of oil.";
  std::string first;
  for (int round = 0; round < 5; ++round) {
    computing.force_threads(static_cast<uint32_t>(round) % usual_threads + 1);
    const RunId id = harness.engine->submit(question(text, 24));
    // And another number in the midst of it.
    harness.wait_for_tokens(id, 10);
    computing.force_threads(static_cast<uint32_t>(round + 1) % usual_threads + 1);
    const RunOutput answer = harness.wait(id);
    CHECK(answer.end->usage.prompt_tokens > 512 && answer.end->reason != FinishReason::error);
    if (round == 0) first = answer.text;
    CHECK(answer.text == first);
  }
  return report();
}
