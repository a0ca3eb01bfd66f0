// Who waits, who runs and who has to make room. Decides nothing about what is computed, and knows no model.
// Used by the engine thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cache/prefix_cache.h"
#include "scheduler/run.h"

namespace caduceus {

// ggml's attention on a CPU takes so many rows at once, and as long for a part of them: a prompt of 3,000 tokens in
// pieces of 192 rows is read at 196–211 tokens a second, in pieces of 200 at 181–209.
constexpr uint32_t attention_tile = 64;

class Scheduler {
 public:
  struct Limits {
    uint32_t context_size;  // of one run
    size_t running = 64;
    size_t waiting = 1024;
    uint32_t decode_rows = 128;                  // of one batch: a row for each run, and some more for what was forced
    uint32_t turn_rows = 128;                    // of a prompt, before the next one's turn comes
    uint32_t scored_rows = 63;                   // of a prefill in which a prompt is scored
    size_t held_tokens = 256;                    // a run whose reader has not fetched that many waits for it
    std::chrono::seconds paused_with_cells{60};  // how long: with its cells,
    std::chrono::seconds paused{600};            // then without them, then it fails
  };

  Scheduler(PrefixCache& cache, Limits limits) : cache_(cache), limits_(limits) {}

  // One that will come to the queue; its time to wait has begun.
  void expect(Run& run) { expected_.push_back(&run); }
  // By priority, then by age. Throws QUEUE_FULL.
  void enqueue(Run& run);
  // A run that has ended leaves; its tokens stay cached as a branch if `keep`.
  void remove(Run& run, bool keep);

  // Lets waiting runs in, in their order, as far as ids and cells reach; true when any came in.
  bool admit(Clock::time_point now);

  // Runs that take their next token now, a cell for each of their rows made free. The strongest come first: who has no
  // room waits a step.
  std::vector<Run*> next_to_decode();
  size_t decoding() const;
  size_t reading() const;
  struct Piece {
    Run* run;
    uint32_t rows;
  };
  // Whose prompts are read next, with room made for all of it: the one whose turn it is, and where that leaves some of
  // the rows those behind it, unless `alone`. A turn is long enough for a short prompt, since whoever has read all of
  // it shares the decode steps of the others. (16 prompts of 16 tokens, read in pieces of eight by turns, left the
  // first of them to decode alone for 17 steps: 165 tokens/s against 184 with turns.)
  std::vector<Piece> next_to_prefill(uint32_t rows, bool alone);

  // Pauses those whose reader holds that many tokens back, and resumes the others.
  void update_paused(const std::function<size_t(RunId)>& held, Clock::time_point now);

  struct Expired {
    Run* run;
    std::string code;
    std::string message;
  };
  // Those whose time to wait is over. The caller ends them.
  std::vector<Expired> expired(Clock::time_point now) const;
  // When the next one's is.
  std::optional<Clock::time_point> next_deadline() const;

  const std::vector<Run*>& waiting() const { return waiting_; }
  const std::vector<Run*>& running() const { return running_; }

 private:
  // Those that were never admitted, and do not wait for ever.
  template <typename Visit>
  void each_hurried(Visit visit) const;
  bool admit(Run& run, Clock::time_point now);
  // Evicts branches, then suspends others. A run never takes room from one of higher priority, or an older one of its
  // own, so the strongest always gets on.
  bool make_room(uint32_t cells, const Run& who);
  bool preempt(const Run& who, bool paused_only);
  void insert(Run& run);
  void suspend(Run& run);

  PrefixCache& cache_;
  Limits limits_;
  std::vector<Run*> expected_;
  std::vector<Run*> waiting_;
  std::vector<Run*> running_;
  RunId last_prefilled_ = 0;
  uint32_t turn_rows_ = 0;  // that it has read in its turn
};

}  // namespace caduceus
