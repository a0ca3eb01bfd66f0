// For limits that must not depend on how busy a machine is.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace caduceus {

// As many threads as processors, all computing, so that any other gets half of one.
class BusyMachine {
 public:
  BusyMachine() {
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
      threads_.emplace_back([this] {
        while (!ended_) continue;
      });
    }
  }
  ~BusyMachine() {
    ended_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> ended_{false};
  std::vector<std::thread> threads_;
};

}  // namespace caduceus
