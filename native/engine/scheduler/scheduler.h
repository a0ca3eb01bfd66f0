// The scheduler: which runs wait, run, or are preempted. Knows no model, and does not decide what is computed. Used by
// the engine thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapter/adapter_turns.h"
#include "cache/prefix_cache.h"
#include "scheduler/run.h"

namespace caduceus {

// Rows that ggml's attention on a CPU computes at once; fewer take as long. A prompt of 3,000 tokens is prefilled at
// 196–211 tokens/s in chunks of 192 rows, at 181–209 in chunks of 200.
constexpr uint32_t attention_tile = 64;

class Scheduler {
 public:
  struct Limits {
    uint32_t context_size;  // of one run
    size_t running = 64;
    size_t waiting = 1024;
    uint32_t decode_rows = 128;                  // of one batch: one row a run, and some more for forced tokens
    uint32_t turn_rows = 128;                    // of a prompt, before it is the next one's turn
    uint32_t scored_rows = 63;                   // of a prefill with log probabilities of the prompt
    size_t held_tokens = 256;                    // unread tokens at which a run pauses
    std::chrono::seconds paused_with_cells{60};  // how long a run may be paused with its cells
    std::chrono::seconds paused{600};            // and without them, before it fails
  };

  Scheduler(PrefixCache& cache, Limits limits) : cache_(cache), limits_(limits) {}

  // Announces a run that will be queued; its queue timeout begins here.
  void expect(Run& run) { expected_.push_back(&run); }
  // Queues a run, by priority, then by age. Throws QUEUE_FULL.
  void enqueue(Run& run);
  // Removes a run that has ended; with `keep` its tokens stay as a cached sequence.
  void remove(Run& run, bool keep);

  // Admits waiting runs in order, as far as ids and cells suffice; true when any was admitted.
  bool admit(Clock::time_point now);

  // Decides whose turn it is: only runs with those adapters decode and prefill until it is called again.
  void take_turn(Clock::time_point now);
  AdapterTurns& turns() { return turns_; }

  // Runs that decode in this step, with cells freed for each of their rows. The highest priority comes first; a run for
  // which no cells are left waits a step.
  std::vector<Run*> next_to_decode();
  size_t decoding() const;
  size_t prefilling() const;
  struct Piece {
    Run* run;
    uint32_t rows;
  };
  // The prompts to prefill next, with cells freed for them: the one whose turn it is, and those behind it with the rows
  // that are left, unless `alone`. A turn is long enough for a short prompt, since a prompt that is complete joins the
  // others' decode steps. (16 prompts of 16 tokens, prefilled in chunks of eight, left the first to decode alone for 17
  // steps: 165 tokens/s against 184.)
  std::vector<Piece> next_to_prefill(uint32_t rows, bool alone);

  // Pauses the runs whose readers are that many tokens behind, and resumes the others.
  void update_paused(const std::function<size_t(RunId)>& held, Clock::time_point now);

  struct Expired {
    Run* run;
    EngineError error;
  };
  // Runs whose queue timeout has passed. The caller ends them.
  std::vector<Expired> expired(Clock::time_point now) const;
  // When the next queue timeout passes.
  std::optional<Clock::time_point> next_deadline() const;

  const std::vector<Run*>& waiting() const { return waiting_; }
  const std::vector<Run*>& running() const { return running_; }

 private:
  // Runs that were never admitted and have a queue timeout.
  template <typename Visit>
  void each_with_timeout(Visit visit) const;
  bool admit(Run& run, Clock::time_point now);
  // Frees cells: evicts cached sequences, then preempts other runs. A run never preempts one of higher priority, nor an
  // older one of its own, so the strongest run always makes progress.
  bool make_room(uint32_t cells, const Run& who);
  bool preempt(const Run& who, bool paused_only);
  void insert(Run& run);
  void suspend(Run& run);

  bool has_turn(const Run* run) const { return run->adapter_key == turns_.current(); }

  PrefixCache& cache_;
  Limits limits_;
  AdapterTurns turns_;
  std::vector<Run*> expected_;
  std::vector<Run*> waiting_;
  std::vector<Run*> running_;
  RunId last_prefilled_ = 0;
  uint32_t turn_rows_ = 0;  // prefilled in the current turn
};

}  // namespace caduceus
