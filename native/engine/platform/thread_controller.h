// Chooses the number of threads that compute: fewer when other processes need the cores. ggml's threads wait for each
// other by spinning, so one that is not running delays all (2 threads beside one busy core: 53-78 ms a token; one
// thread: 39; alone: 20).
//
// The engine's thread computes too. The share of the time it was running tells whether enough cores were free; from
// time to time the next larger number is tried again. Used by the engine thread only.
#pragma once

#include <chrono>
#include <cstdint>

namespace caduceus {

class ThreadController {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ThreadController(uint32_t most) : most_(most), threads_(most) {}

  // Called before a computation: the number of threads to use.
  uint32_t begin(Clock::time_point now);
  // Called after it.
  void end(Clock::time_point now);
  // The same with a given running time, for tests.
  void observe(Clock::time_point now, double wall_ms, double running_ms);

  uint32_t threads() const { return threads_; }

 private:
  uint32_t most_;
  uint32_t threads_;
  double wall_ms_ = 0;  // of the current measuring window
  double running_ms_ = 0;
  std::chrono::milliseconds retry_interval_{100};  // time until more threads are tried again; doubles while that fails
  Clock::time_point reduced_at_{};
  bool trying_ = false;

  Clock::time_point begun_{};
  double begun_running_ms_ = 0;
};

// Processor time of the calling thread in milliseconds; negative where the system does not report it.
double thread_running_ms();

// The calling thread, as other threads of this process may ask for its time. Another may get the same number when it
// has ended.
using ThreadNumber = uint64_t;
ThreadNumber calling_thread();
// Processor time of that thread; negative when it has ended.
double thread_running_ms(ThreadNumber thread);

}  // namespace caduceus
