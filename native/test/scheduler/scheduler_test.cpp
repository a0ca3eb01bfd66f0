// The scheduler under random traffic, without a model: everyone gets on, nobody loses a token, and rooms are counted
// right.
//   scheduler_test [rounds of 2,500 steps = 80] [first seed = 0]
#include "scheduler/scheduler.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "check.h"
#include "platform/error.h"

using namespace caduceus;
using namespace std::chrono_literals;

namespace {

class NoMemory final : public KvMemory {
  void share(int, int, uint32_t) override {}
  void remove(int, uint32_t) override {}
  SavedState save(int, uint32_t begin, uint32_t end) override {
    return {std::make_unique<uint8_t[]>(end - begin), end - begin};
  }
  bool load(int, std::span<const uint8_t>, uint32_t, uint32_t) override { return true; }
};

// Plays the engine: gives a cell to what it computes and a token to who has its logits.
struct Fixture {
  explicit Fixture(uint32_t seed, uint32_t cells, uint32_t context, size_t running)
      : random(seed),
        context_size(context),
        store(seed % 2 ? cells : 0),
        cache(memory, store, cells, 255, true),
        scheduler(cache, {.context_size = context, .running = running, .waiting = 40, .scored_rows = scored_rows}) {}

  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random() % limit); }

  Run* submit(uint32_t prompt, uint32_t goal, int32_t priority, bool scored = false) {
    RunRequest request;
    request.priority = priority;
    request.max_tokens = goal;
    request.prompt_log_probabilities = scored;
    auto run = std::make_unique<Run>(next_id++, std::move(request), now, adapters());
    run->usage.prompt_tokens = prompt;
    for (uint32_t i = 0; i < prompt; ++i) run->tokens.push_back(static_cast<Token>(below(3)));
    try {
      scheduler.enqueue(*run);
    } catch (const EngineError& error) {
      CHECK(error.code() == "QUEUE_FULL" && scheduler.waiting().size() >= 40);
      return nullptr;
    }
    runs.push_back(std::move(run));
    return runs.back().get();
  }

  // One of the sets of adapters, which here are nothing but their keys.
  std::shared_ptr<const AdapterSet> adapters() {
    const uint32_t set = below(adapter_sets);
    if (set == 0) return nullptr;
    auto adapters = std::make_shared<AdapterSet>();
    adapters->key = std::string(1, static_cast<char>('a' + set));
    return adapters;
  }

  // All that are computed together have the same adapters. A change takes 3 ms.
  void compute(const Run& run, bool first) {
    if (first && run.adapter_key != adapters_in_use) {
      adapters_in_use = run.adapter_key;
      now += 3ms;
      scheduler.turns().changed(3, now);
      ++changes;
    }
    CHECK(run.adapter_key == adapters_in_use);
  }

  // One step; true when anything was computed.
  bool step() {
    now += 10ms;
    scheduler.update_paused([this](RunId id) { return neglected.contains(id) ? 1000 : 0; }, now);
    for (const auto& [run, error] : scheduler.expired(now)) {
      CHECK(error.code() == "READER_TOO_SLOW" && neglected.contains(run->id));
      ++dropped;
      end(*run);
    }
    bool worked = scheduler.admit(now);
    check();
    scheduler.take_turn(now);
    bool first = true;
    for (Run* run : scheduler.next_to_decode()) {
      compute(*run, std::exchange(first, false));
      CHECK(run->phase == Run::Phase::running && run->remaining() == 1 && !run->paused &&
            !run->wants_score(run->computed));
      cache.append(run->sequence, std::span(run->tokens).subspan(run->computed++, 1));
      advance(*run);
      worked = true;
    }
    check();
    const uint32_t rows = 1 + below(20);
    uint32_t read = 0;
    bool scored = false;
    const auto pieces = scheduler.next_to_prefill(rows, below(2) == 0);
    first = true;
    for (const auto& [run, count] : pieces) {
      compute(*run, std::exchange(first, false));
      CHECK(run->phase == Run::Phase::running && run->remaining() > 1 && !run->paused);
      CHECK(count > 0 && count <= run->remaining() && (read += count) <= rows);
      for (uint32_t at = run->computed; at < run->computed + count; ++at) {
        if (!run->wants_score(at)) continue;
        CHECK(at == std::exchange(run->scored, at + 1));  // each place tells once, in order
        scored = true;
      }
      cache.append(run->sequence, std::span(run->tokens).subspan(run->computed, count));
      run->computed += count;
      worked = true;
    }
    CHECK(!scored || read <= scored_rows);
    for (const auto& piece : pieces) {
      if (piece.run->remaining() == 0) advance(*piece.run);
    }
    check();
    return worked || scheduler.turns().pass();
  }

  void advance(Run& run) {
    CHECK(!run.scores_prompt());
    run.tokens.push_back(static_cast<Token>(below(3)));
    ++run.usage.generated_tokens;
    if (run.usage.generated_tokens >= *run.request.max_tokens || run.tokens.size() >= context_size) {
      ++finished;
      end(run);
    }
  }

  void end(Run& run) {
    scheduler.remove(run, below(3) != 0);
    run.phase = Run::Phase::ended;
    neglected.erase(run.id);
    std::erase_if(runs, [&](const auto& other) { return other.get() == &run; });
  }

  void check() {
    std::set<int> sequences;
    for (const Run* run : scheduler.running()) {
      CHECK(run->phase == Run::Phase::running && run->sequence >= 0 && sequences.insert(run->sequence).second);
      CHECK(cache.length(run->sequence) == run->computed && run->computed < run->tokens.size());
    }
    for (const Run* run : scheduler.waiting())
      CHECK(run->phase == Run::Phase::waiting && run->sequence == -1 && run->computed == 0);
    CHECK(scheduler.running().size() + scheduler.waiting().size() == runs.size());
    CHECK(cache.used() + cache.free() == cache.capacity());
  }

  static constexpr uint32_t scored_rows = 13;
  std::mt19937 random;
  uint32_t context_size;
  NoMemory memory;
  HostCache store;
  PrefixCache cache;
  Scheduler scheduler;
  Clock::time_point now{1h};
  RunId next_id = 1;
  std::vector<std::unique_ptr<Run>> runs;
  std::set<RunId> neglected;
  int finished = 0;
  int dropped = 0;
  uint32_t adapter_sets = 1;  // that runs have, "none" among them
  std::string adapters_in_use;
  int changes = 0;
};

void random_traffic(uint32_t seed, int steps) {
  std::mt19937 random(seed);
  const uint32_t context = 32 + random() % 100;
  Fixture fixture(seed, context + random() % 300, context, 1 + random() % 16);
  fixture.adapter_sets = 1 + seed % 4;
  int submitted = 0;
  int cancelled = 0;
  for (int step = 0; step < steps; ++step) {
    const uint32_t action = fixture.below(20);
    if (action < 3)
      submitted += fixture.submit(1 + fixture.below(context - 1), 1 + fixture.below(60),
                                  static_cast<int32_t>(fixture.below(3)) - 1, fixture.below(4) == 0) != nullptr;
    if (action == 3 && !fixture.runs.empty()) {
      fixture.end(*fixture.runs[fixture.below(static_cast<uint32_t>(fixture.runs.size()))]);
      ++cancelled;
    }
    if (action == 4 && !fixture.runs.empty())
      fixture.neglected.insert(fixture.runs[fixture.below(static_cast<uint32_t>(fixture.runs.size()))]->id);
    if (action > 17) fixture.neglected.clear();
    fixture.step();
  }
  // Without newcomers and with every reader back, all of them come to their end; a step that does nothing would be a
  // hang.
  fixture.neglected.clear();
  for (int step = 0; !fixture.runs.empty(); ++step) {
    CHECK(fixture.step());
    CHECK(step < 100000);
  }
  CHECK(fixture.finished + cancelled + fixture.dropped == submitted);
}

}  // namespace

int main(int argc, char** argv) {
  CLAIM("higher priority is admitted first, then the older one");
  {
    Fixture fixture(1, 200, 100, 1);
    fixture.submit(10, 5, 0);
    Run* low = fixture.submit(10, 5, 0);
    Run* high = fixture.submit(10, 5, 1);
    fixture.step();
    CHECK(fixture.scheduler.running().front() == high);
    CHECK(fixture.scheduler.waiting().back() == low);
  }

  CLAIM("prompts are read in turns of 128 rows, and a short one in a single turn");
  {
    Fixture fixture(1, 2000, 500, 4);
    Run* runs[] = {fixture.submit(400, 5, 0), fixture.submit(200, 5, 0), fixture.submit(60, 5, 0)};
    CHECK(fixture.scheduler.admit(fixture.now));
    std::vector<RunId> turns;
    for (int reads = 0; fixture.scheduler.prefilling() > 0 && reads < 100; ++reads) {
      const auto [run, count] = fixture.scheduler.next_to_prefill(32, true).at(0);
      fixture.cache.append(run->sequence, std::span(run->tokens).subspan(run->computed, count));
      run->computed += count;
      if (turns.empty() || turns.back() != run->id) turns.push_back(run->id);
    }
    CHECK((turns == std::vector<RunId>{runs[0]->id, runs[1]->id, runs[2]->id, runs[0]->id, runs[1]->id, runs[0]->id}));
  }

  CLAIM("short prompts are read together as far as the rows reach, and alone when asked for");
  {
    Fixture fixture(1, 2000, 500, 4);
    for (int i = 0; i < 3; ++i) fixture.submit(20, 5, 0);
    CHECK(fixture.scheduler.admit(fixture.now));
    const auto together = fixture.scheduler.next_to_prefill(50, false);
    CHECK(together.size() == 3 && together[0].rows == 20 && together[1].rows == 20 && together[2].rows == 10);
    CHECK(fixture.scheduler.next_to_prefill(50, true).size() == 1);
  }

  CLAIM(
      "which rows of a prompt are read by tiles does not depend on how many may be read at once, and the last one "
      "never is");
  for (const uint32_t length : {2u, 63u, 64u, 65u, 127u, 128u, 129u, 200u, 448u, 449u}) {
    std::vector<uint32_t> first;
    for (const uint32_t rows : {64u, 65u, 128u, 191u, 512u}) {
      Fixture fixture(1, 2000, 500, 1);
      fixture.submit(length, 5, 0);
      CHECK(fixture.scheduler.admit(fixture.now));
      std::vector<uint32_t> by_tiles;  // where they begin
      while (fixture.scheduler.prefilling() > 0) {
        const auto [run, count] = fixture.scheduler.next_to_prefill(rows, false).at(0);
        CHECK(count < attention_tile ? run->remaining() <= attention_tile
                                     : count % attention_tile == 0 && count < run->remaining());
        for (uint32_t at = run->computed; count >= attention_tile && at < run->computed + count; at += attention_tile)
          by_tiles.push_back(at);
        fixture.cache.append(run->sequence, std::span(run->tokens).subspan(run->computed, count));
        run->computed += count;
      }
      if (rows == 64) first = by_tiles;
      CHECK(by_tiles == first);
    }
  }

  CLAIM(
      "a prompt that is scored takes nothing from the cache, and few rows at a time; interrupted, it goes on where it "
      "was");
  {
    Fixture fixture(1, 2000, 500, 4);
    Run* first = fixture.submit(100, 5, 0);
    while (first->usage.generated_tokens == 0) fixture.step();
    Run* scored = fixture.submit(100, 5, 0, true);
    scored->tokens.assign(first->tokens.begin(), first->tokens.begin() + 100);
    CHECK(fixture.scheduler.admit(fixture.now) && scored->computed == 0);
    CHECK(fixture.scheduler.next_to_prefill(50, false).at(0).rows == Fixture::scored_rows);
    // As after it had lost its cells.
    fixture.scheduler.remove(*scored, false);
    scored->phase = Run::Phase::waiting;
    scored->scored = 40;
    fixture.scheduler.enqueue(*scored);
    CHECK(fixture.scheduler.admit(fixture.now) && scored->computed == 40);
    while (scored->scores_prompt()) fixture.step();
  }

  CLAIM("a run that is not read loses its cells after a minute and fails after ten, and the others go on");
  {
    Fixture fixture(1, 128, 100, 4);
    Run* lazy = fixture.submit(20, 1000, 0);
    fixture.step();
    fixture.neglected.insert(lazy->id);
    fixture.step();
    CHECK(lazy->paused && lazy->phase == Run::Phase::running);
    CHECK(fixture.scheduler.next_deadline() == lazy->paused_since + 60s);
    fixture.now += 61s;
    fixture.step();
    CHECK(lazy->phase == Run::Phase::waiting && fixture.scheduler.next_deadline() == lazy->paused_since + 600s);
    fixture.submit(90, 5, 0);
    for (int i = 0; i < 100; ++i) fixture.step();
    CHECK(fixture.finished == 1);
    fixture.now += 600s;
    fixture.step();
    CHECK(fixture.dropped == 1 && fixture.runs.empty());
  }

  CLAIM(
      "sets of adapters take turns, each twenty times as long as a change takes, and none waits for longer than the "
      "others");
  {
    Fixture fixture(1, 4000, 900, 12);
    fixture.adapter_sets = 4;
    for (int i = 0; i < 12; ++i) fixture.submit(20, 800, 0);
    std::map<std::string, Clock::time_point> served;
    std::set<std::string> sets;
    for (const auto& run : fixture.runs) sets.insert(run->adapter_key);
    CHECK(sets.size() == 4);
    const auto begin = fixture.now;
    for (int step = 0; step < 400; ++step) {
      CHECK(fixture.step());
      served[fixture.adapters_in_use] = fixture.now;
      // A turn takes 60 ms and the step that ends it 10, a change 3.
      if (fixture.now - begin < 1s) continue;
      for (const std::string& set : sets) CHECK(fixture.now - served[set] <= 3 * (60ms + 10ms + 3ms) + 10ms);
    }
    CHECK(fixture.changes > 30 && fixture.changes * 60ms <= fixture.now - begin);
  }

  CLAIM("random traffic: everyone who stays comes to the end, and no step stands still");
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 80;
  const int first = argc > 2 ? std::atoi(argv[2]) : 0;
  for (int round = 0; round < rounds; ++round) random_traffic(static_cast<uint32_t>(first + round), 2500);
  return report();
}
