#include "scheduler/scheduler.h"

#include <algorithm>
#include <tuple>

#include "platform/error.h"

namespace caduceus {
namespace {

// Cells reserved for the first tokens that an admitted run generates.
constexpr uint32_t growth_reserve = 64;

// Order in which runs lose their cells: paused ones first, then the lowest priority, then the youngest.
auto strength(const Run* run) {
  return std::tuple(!run->paused, run->request.priority, -static_cast<int64_t>(run->id));
}

// Whether a running request decodes or prefills in the next step; a paused one does neither.
bool decodes(const Run* run) { return !run->paused && !run->needs_prefill(); }
bool prefills(const Run* run) { return !run->paused && run->needs_prefill(); }

// Number of rows of a prompt to prefill next. Rows computed by tiles differ in their last bits from the others, so
// which rows are must not depend on measured times: all whole tiles, and the remainder by itself. The last row is never
// part of a tile, because for a cached prompt it is computed alone.
uint32_t whole_tiles(uint32_t remaining, uint32_t most) {
  if (remaining < attention_tile || most < attention_tile) return std::min(remaining, most);
  if (remaining == attention_tile) return remaining - 1;
  const uint32_t rows = std::min(remaining - 1, most);
  return rows - rows % attention_tile;
}

Clock::duration to_duration(double milliseconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(milliseconds));
}

}  // namespace

void Scheduler::enqueue(Run& run) {
  std::erase(expected_, &run);
  if (waiting_.size() >= limits_.waiting) {
    throw EngineError("QUEUE_FULL", "All " + std::to_string(limits_.waiting) +
                                        " places of the waiting queue are taken; try again later.");
  }
  insert(run);
}

void Scheduler::insert(Run& run) {
  const auto place = std::upper_bound(waiting_.begin(), waiting_.end(), &run, [](const Run* a, const Run* b) {
    return a->request.priority != b->request.priority ? a->request.priority > b->request.priority : a->id < b->id;
  });
  waiting_.insert(place, &run);
}

void Scheduler::remove(Run& run, bool keep) {
  for (auto* runs : {&expected_, &waiting_, &running_}) std::erase(*runs, &run);
  if (run.sequence >= 0) cache_.close(run.sequence, keep);
  run.sequence = -1;
}

bool Scheduler::admit(Clock::time_point now) {
  bool any = false;
  for (Run* run : std::vector(waiting_)) {
    // A run whose reader is slow does not block those behind it.
    if (run->paused) continue;
    if (!admit(*run, now)) break;
    any = true;
  }
  return any;
}

bool Scheduler::admit(Run& run, Clock::time_point now) {
  if (running_.size() >= limits_.running) return false;
  // The last token is always computed: the first generated token is sampled from its logits. A prompt whose log
  // probabilities are requested is computed completely.
  const auto length = static_cast<uint32_t>(run.tokens.size());
  const uint32_t reusable = run.scores_prompt() ? run.scored : length - 1;
  const auto opened = cache_.open(run.tokens, reusable, run.cache_scope);
  if (!opened) return false;
  run.sequence = opened->sequence;
  run.computed = opened->shared;
  uint32_t promised =
      run.remaining() + std::min(growth_reserve, limits_.context_size - std::min(length, limits_.context_size));
  for (const Run* other : running_) promised += other->remaining();
  while (!running_.empty() && promised > cache_.available()) {
    if (preempt(run, true)) continue;
    cache_.close(run.sequence, false);
    run.sequence = -1;
    run.computed = 0;
    return false;
  }
  run.computed = cache_.restore(run.sequence, run.tokens, reusable);
  if (!run.admitted) {
    run.admitted = now;
    run.usage.cached_tokens = std::min(run.computed, run.usage.prompt_tokens);
  }
  run.restored_tokens += run.computed - opened->shared;
  run.phase = Run::Phase::running;
  std::erase(waiting_, &run);
  running_.push_back(&run);
  return true;
}

void Scheduler::take_turn(Clock::time_point now) {
  std::vector<const std::string*> keys;
  for (const Run* run : running_) {
    if (!run->paused) keys.push_back(&run->adapter_key);
  }
  turns_.choose(keys, now);
}

std::vector<Run*> Scheduler::next_to_decode() {
  std::vector<Run*> candidates;
  std::copy_if(running_.begin(), running_.end(), std::back_inserter(candidates),
               [this](const Run* run) { return decodes(run) && has_turn(run); });
  std::sort(candidates.begin(), candidates.end(), [](const Run* a, const Run* b) { return strength(a) > strength(b); });
  std::vector<Run*> batch;
  uint32_t rows = 0;
  for (Run* run : candidates) {
    // Freeing cells for a run of higher priority may have preempted this one.
    if (run->phase != Run::Phase::running || rows + run->remaining() > limits_.decode_rows ||
        !make_room(rows + run->remaining(), *run))
      continue;
    rows += run->remaining();
    batch.push_back(run);
  }
  return batch;
}

size_t Scheduler::decoding() const {
  return static_cast<size_t>(std::count_if(running_.begin(), running_.end(), decodes));
}

size_t Scheduler::prefilling() const {
  return static_cast<size_t>(std::count_if(running_.begin(), running_.end(), prefills));
}

std::vector<Scheduler::Piece> Scheduler::next_to_prefill(uint32_t rows, bool alone) {
  std::vector<Run*> prompts;
  std::copy_if(running_.begin(), running_.end(), std::back_inserter(prompts),
               [this](const Run* run) { return prefills(run) && has_turn(run); });
  // By id, beginning with the one served last while its turn lasts, else with the one after it.
  const RunId first = turn_rows_ < limits_.turn_rows ? last_prefilled_ : last_prefilled_ + 1;
  std::sort(prompts.begin(), prompts.end(), [first](const Run* a, const Run* b) {
    return std::tuple(a->id < first, a->id) < std::tuple(b->id < first, b->id);
  });
  std::vector<Piece> pieces;
  uint32_t taken = 0;
  for (Run* run : prompts) {
    if (run->scores_prompt()) rows = std::min(rows, limits_.scored_rows);
    if (taken >= rows) break;
    const uint32_t count = whole_tiles(run->remaining(), rows - taken);
    // Freeing cells for one run may have preempted another.
    if (run->phase != Run::Phase::running || !make_room(taken + count, *run)) continue;
    pieces.push_back({run, count});
    taken += count;
    if (alone) break;
  }
  std::erase_if(pieces, [](const Piece& piece) { return piece.run->phase != Run::Phase::running; });
  for (const auto& [run, count] : pieces) {
    if (run->id != last_prefilled_) turn_rows_ = 0;
    last_prefilled_ = run->id;
    turn_rows_ += count;
  }
  return pieces;
}

bool Scheduler::make_room(uint32_t cells, const Run& who) {
  while (!cache_.make_room(cells)) {
    if (!preempt(who, false)) return false;
  }
  return true;
}

bool Scheduler::preempt(const Run& who, bool paused_only) {
  Run* victim = nullptr;
  for (Run* run : running_) {
    if (run == &who || (paused_only && !run->paused)) continue;
    if (!victim || strength(run) < strength(victim)) victim = run;
  }
  if (!victim || (!victim->paused && strength(&who) < strength(victim))) return false;
  suspend(*victim);
  return true;
}

// Preempts a running request: its tokens become a cached sequence, which may be evicted and, where even that is lost,
// is computed again.
void Scheduler::suspend(Run& run) {
  cache_.close(run.sequence, true);
  run.sequence = -1;
  run.computed = 0;
  run.phase = Run::Phase::waiting;
  std::erase(running_, &run);
  insert(run);
}

void Scheduler::update_paused(const std::function<size_t(RunId)>& held, Clock::time_point now) {
  for (const auto* runs : {&waiting_, &running_}) {
    for (Run* run : *runs) {
      const bool paused = held(run->id) >= limits_.held_tokens;
      if (paused != run->paused) run->paused_since = now;
      run->paused = paused;
    }
  }
  for (Run* run : std::vector(running_)) {
    if (run->paused && now - run->paused_since >= limits_.paused_with_cells) suspend(*run);
  }
}

template <typename Visit>
void Scheduler::each_with_timeout(Visit visit) const {
  for (const auto* runs : {&expected_, &waiting_}) {
    for (Run* run : *runs) {
      if (run->request.queue_timeout_ms && !run->admitted) visit(run, *run->request.queue_timeout_ms);
    }
  }
}

std::vector<Scheduler::Expired> Scheduler::expired(Clock::time_point now) const {
  std::vector<Expired> expired;
  each_with_timeout([&](Run* run, double timeout) {
    if (now - run->submitted <= to_duration(timeout)) return;
    expired.push_back(
        {run,
         {"QUEUE_TIMEOUT",
          "The run waited longer than its " + std::to_string(static_cast<int64_t>(timeout)) + " ms for a place.",
          "queueTimeoutMs"}});
  });
  // Only admitted runs can have output that was not read.
  for (Run* run : waiting_) {
    if (run->admitted && run->paused && now - run->paused_since >= limits_.paused) {
      expired.push_back({run,
                         {"READER_TOO_SLOW", "The reply was not read for " + std::to_string(limits_.paused.count()) +
                                                 " s and has been dropped."}});
    }
  }
  return expired;
}

std::optional<Clock::time_point> Scheduler::next_deadline() const {
  std::optional<Clock::time_point> next;
  const auto at_latest = [&](Clock::time_point at) { next = next ? std::min(*next, at) : at; };
  for (const Run* run : waiting_) {
    if (run->paused) at_latest(run->paused_since + limits_.paused);
  }
  each_with_timeout([&](const Run* run, double timeout) { at_latest(run->submitted + to_duration(timeout + 1)); });
  for (const Run* run : running_) {
    if (run->paused) at_latest(run->paused_since + limits_.paused_with_cells);
  }
  return next;
}

}  // namespace caduceus
