// An engine with a reader, for tests that watch runs from outside.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "check.h"
#include "model/model.h"
#include "scheduler/engine.h"

namespace caduceus {

using namespace std::chrono_literals;

// Waits until something that comes about by itself is so, however busy the machine is; false if it does not come.
template <typename Condition>
bool comes_about(Condition condition) {
  for (const auto end = Clock::now() + 120s; !condition();) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// An engine with a reader that collects everything, and can wait for a run's end.
class Harness {
 public:
  explicit Harness(std::shared_ptr<Model> model, uint32_t context_size = 2048, uint32_t cache_tokens = 4096,
                   const EngineOptions& engine_options = {}, const std::shared_ptr<Model>& draft = nullptr) {
    ContextOptions options;
    options.context_size = context_size;
    options.cache_tokens = cache_tokens;
    auto context = std::make_unique<Context>(std::move(model), options);
    auto drafting = draft ? std::make_unique<Context>(*context, draft) : nullptr;
    start(std::move(context), engine_options, std::move(drafting));
  }
  explicit Harness(std::unique_ptr<Context> context, const EngineOptions& options = {},
                   std::unique_ptr<Context> draft = nullptr) {
    start(std::move(context), options, std::move(draft));
  }

  RunOutput wait(RunId id, std::chrono::milliseconds limit = 600s) {
    const auto until = Clock::now() + limit;
    for (;;) {
      collect();
      if (outputs_[id].end) return outputs_[id];
      std::unique_lock lock(mutex_);
      CHECK(ready_.wait_until(lock, until, [&] { return woken_; }));
      woken_ = false;
    }
  }

  void wait_for_tokens(RunId id, size_t count) {
    while (collect(), outputs_[id].tokens.size() < count && !outputs_[id].end) std::this_thread::sleep_for(1ms);
  }

  const RunOutput& seen(RunId id) { return collect(), outputs_[id]; }

  void collect() {
    for (RunOutput& output : engine->take()) {
      RunOutput& all = outputs_[output.id];
      CHECK(!all.end);  // nothing comes after the end
      all.text += output.text;
      all.append(output);
      if (!output.prompt.tokens.empty()) {
        CHECK(all.prompt.tokens.empty() &&
              all.tokens.size() == output.tokens.size());  // once, and before what was generated
        all.prompt = std::move(output.prompt);
      }
      all.end = output.end;
    }
  }

  std::unique_ptr<Engine> engine;

 private:
  void start(std::unique_ptr<Context> context, const EngineOptions& options, std::unique_ptr<Context> draft = nullptr) {
    const auto wake = [this] {
      std::lock_guard lock(mutex_);
      woken_ = true;
      ready_.notify_all();
    };
    engine = std::make_unique<Engine>(std::move(context), options, wake, std::move(draft));
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  bool woken_ = false;
  std::map<RunId, RunOutput> outputs_;
};

inline RunRequest question(const std::string& text, uint32_t max_tokens = 24) {
  RunRequest request;
  request.prompt = {ControlPart{"<|im_start|>"}, TextPart{"user\n" + text}, ControlPart{"<|im_end|>"}, TextPart{"\n"},
                    ControlPart{"<|im_start|>"}, TextPart{"assistant\n"}};
  request.sampling.temperature = 0;
  request.max_tokens = max_tokens;
  return request;
}

// Never ends by itself: SmolLM2's ends of a turn are banned.
inline RunRequest endless(const std::string& text, uint32_t max_tokens = 400) {
  RunRequest request = question(text, max_tokens);
  for (const Token token : {0, 2}) request.sampling.logit_bias.emplace_back(token, -INFINITY);
  return request;
}

// Batches of other sizes change the last bits of sums, and rounding activations to 8 bits makes that more: reading a
// prompt singly or whole moves llama.cpp's own logits by up to 0.67 with this model. So greedy texts may part, but only
// where two tokens are about as likely, which llama.cpp itself is asked here.
inline bool same_up_to_a_tie(Model& model, std::vector<Token> prompt, const RunOutput& a, const RunOutput& b) {
  const auto [left, right] = std::mismatch(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end());
  if (left == a.tokens.end() || right == b.tokens.end()) return a.tokens.size() == b.tokens.size();
  prompt.insert(prompt.end(), a.tokens.begin(), left);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 2048;
  params.n_threads = params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model.get(), params);
  CHECK(context && llama_decode(context, llama_batch_get_one(prompt.data(), static_cast<int32_t>(prompt.size()))) == 0);
  const float* logits = llama_get_logits_ith(context, -1);
  const float margin = std::abs(logits[*left] - logits[*right]);
  llama_free(context);
  std::fprintf(stderr, "    parted at token %td, where the two are %.3f apart\n", left - a.tokens.begin(), margin);
  return margin < 0.7f;
}

}  // namespace caduceus
