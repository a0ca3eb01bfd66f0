// An engine with a reader, for tests that watch runs from outside.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "check.h"
#include "engine.h"
#include "model.h"

namespace caduceus {

using namespace std::chrono_literals;

// An engine with a reader that collects everything, and can wait for a run's end.
class Harness {
 public:
  explicit Harness(std::shared_ptr<Model> model, uint32_t context_size = 2048, uint32_t cache_tokens = 4096, const EngineOptions& engine_options = {}) {
    ContextOptions options;
    options.context_size = context_size;
    options.cache_tokens = cache_tokens;
    engine = std::make_unique<Engine>(std::make_unique<Context>(std::move(model), options), engine_options, [this] {
      std::lock_guard lock(mutex_);
      woken_ = true;
      ready_.notify_all();
    });
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
      all.tokens.insert(all.tokens.end(), output.tokens.begin(), output.tokens.end());
      all.log_probabilities.insert(all.log_probabilities.end(), output.log_probabilities.begin(), output.log_probabilities.end());
      all.end = output.end;
    }
  }

  std::unique_ptr<Engine> engine;

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  bool woken_ = false;
  std::map<RunId, RunOutput> outputs_;
};

inline RunRequest question(const std::string& text, uint32_t max_tokens = 24) {
  RunRequest request;
  request.prompt = {ControlPart{"<|im_start|>"}, TextPart{"user\n" + text}, ControlPart{"<|im_end|>"}, TextPart{"\n"}, ControlPart{"<|im_start|>"}, TextPart{"assistant\n"}};
  request.sampling.temperature = 0;
  request.max_tokens = max_tokens;
  return request;
}

}  // namespace caduceus
