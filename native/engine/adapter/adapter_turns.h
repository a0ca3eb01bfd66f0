// Which adapters the next steps compute with. A llama.cpp context has one set of adapters at a time, and a change costs
// a few milliseconds. So runs take turns by their sets: each turn lasts several times as long as a change takes, and
// the set that has waited longest is next, so that none waits for more than a turn of each other. Engine thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scheduler/run.h"

namespace caduceus {

class AdapterTurns {
 public:
  // `keys`: those of the runs that could compute now. The one whose turn it is; unchanged where there are none.
  const std::string& choose(const std::vector<const std::string*>& keys, Clock::time_point now) {
    bool present = false;
    std::map<std::string, uint64_t> waiting;
    for (const std::string* key : keys) {
      if (*key == current_) {
        present = true;
        continue;
      }
      const auto known = waiting_.find(*key);
      waiting.try_emplace(*key, known == waiting_.end() ? ++count_ : known->second);
    }
    waiting_ = std::move(waiting);
    if (waiting_.empty() || (present && !over_ && now - since_ < turn())) return current_;
    const auto longest = std::min_element(waiting_.begin(), waiting_.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
    const std::string next = longest->first;
    waiting_.erase(longest);
    if (present) waiting_.emplace(current_, ++count_);
    current_ = next;
    since_ = now;
    over_ = false;
    return current_;
  }

  const std::string& current() const { return current_; }
  // Ends the turn. False where no other set waits for one.
  bool pass() {
    over_ = true;
    return !waiting_.empty();
  }
  // A change took so long, and has just ended: the turn begins.
  void changed(double took_ms, Clock::time_point now) {
    change_ms_ = change_ms_ == 0 ? took_ms : 0.8 * change_ms_ + 0.2 * took_ms;
    since_ = now;
  }

 private:
  // The first step after a change takes longer as well: with both, a tenth of the time goes into changes. (SmolLM2 with
  // an adapter of rank 16 on all matrices, processor time of one thread: a change 4 ms, the step after it 12.6, others
  // 8.0 without and 11.1 with the adapter.)
  Clock::duration turn() const {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(20 * change_ms_));
  }

  std::string current_;
  Clock::time_point since_{};
  bool over_ = false;
  double change_ms_ = 0;
  std::map<std::string, uint64_t> waiting_;  // in which order they began to wait
  uint64_t count_ = 0;
};

}  // namespace caduceus
