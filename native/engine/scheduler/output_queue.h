// The output queue: the engine thread adds what runs produce, the event loop takes it, with one wake-up for all runs.
// Every member is guarded by the mutex; `wake` is called without it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "scheduler/request.h"

namespace caduceus {

class OutputQueue {
 public:
  // `wake` is called on the engine thread, at most once between two calls of `take`.
  explicit OutputQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  // -- engine thread --
  void add(RunId id, std::string_view text, const ScoredTokens& tokens);
  void add_prompt(RunId id, ScoredTokens prompt);
  void end(RunId id, std::string_view text, RunEnd end);
  // Wakes the reader if there is output that need not be gathered any longer, with `all` also if it need. Called after
  // each step.
  void publish(bool all = false);
  // Number of tokens that are held back because their reader asked for a pause.
  size_t held(RunId id) const;

  // -- reader's thread --
  // After its first output, a run's text is gathered for so long, so that there are fewer wake-ups.
  void open(RunId id, std::chrono::milliseconds gather = {});
  // Takes the output of all runs that are not paused, or of all runs once the engine has ended.
  std::vector<RunOutput> take(bool paused_too = false);
  void pause(RunId id);
  void resume(RunId id);
  void forget(RunId id);

 private:
  using Clock = std::chrono::steady_clock;

  struct Channel {
    RunOutput output;
    bool paused = false;
    std::chrono::milliseconds gather{0};
    std::optional<Clock::time_point> taken;  // none before its first output
    bool ready() const {
      return !paused && (!output.tokens.empty() || !output.text.empty() || !output.prompt.tokens.empty() || output.end);
    }
    // How long its text has been gathered, in times of what it should be.
    bool gathered(Clock::time_point now, double share) const {
      return output.end || !taken || now - *taken >= share * gather;
    }
  };

  mutable std::mutex mutex_;
  std::map<RunId, Channel> channels_;
  bool woken_ = false;
  bool all_ = false;  // the reader is to take what is gathered, too
  std::function<void()> wake_;
};

}  // namespace caduceus
