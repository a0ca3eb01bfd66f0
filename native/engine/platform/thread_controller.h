// How many threads compute: fewer when other work takes cores away, since ggml's threads wait for each other by
// spinning and one that is not running holds up all (2 threads beside one busy core: 53-78 ms a token; one thread: 39;
// alone: 20).
//
// The engine's thread is one of those that compute. The share of the time it spent running tells whether there were
// cores enough; from time to time the next larger count is tried again. Used by the engine thread only.
#pragma once

#include <chrono>
#include <cstdint>

namespace caduceus {

class ThreadController {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ThreadController(uint32_t most) : most_(most), threads_(most) {}

  // Before a computation: how many threads it should use.
  uint32_t begin(Clock::time_point now);
  // After it.
  void end(Clock::time_point now);
  // The same with the thread's own running time given, for tests.
  void observe(Clock::time_point now, double wall_ms, double running_ms);

  uint32_t threads() const { return threads_; }

 private:
  uint32_t most_;
  uint32_t threads_;
  double wall_ms_ = 0;  // of the window that is being watched
  double running_ms_ = 0;
  std::chrono::milliseconds patience_{100};  // until more threads are tried again; doubles while that fails
  Clock::time_point reduced_at_{};
  bool trying_ = false;

  Clock::time_point begun_{};
  double begun_running_ms_ = 0;
};

// Milliseconds the calling thread has been running; negative where the system does not tell.
double thread_running_ms();

}  // namespace caduceus
