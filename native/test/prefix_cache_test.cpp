// The prefix cache against a reference that keeps, for every cell, who owns it: random traffic, exact accounting.
#include "prefix_cache.h"

#include <algorithm>
#include <random>
#include <set>

#include "check.h"

using namespace caduceus;

namespace {

// llama.cpp's unified cache in its simplest form: cells with an owner set, a token and a position.
class ReferenceMemory final : public KvMemory {
 public:
  struct Cell {
    Token token;
    uint32_t position;
    std::set<int> owners;
  };

  void share(int from, int to, uint32_t end) override {
    for (Cell& cell : cells_) {
      CHECK(!cell.owners.contains(to));
      if (cell.owners.contains(from) && cell.position < end) cell.owners.insert(to);
    }
  }

  void remove(int sequence, uint32_t begin) override {
    for (Cell& cell : cells_) {
      if (cell.position >= begin) cell.owners.erase(sequence);
    }
    std::erase_if(cells_, [](const Cell& cell) { return cell.owners.empty(); });
  }

  void compute(int sequence, uint32_t position, Token token) { cells_.push_back({token, position, {sequence}}); }

  std::vector<Token> tokens_of(int sequence) const {
    std::vector<std::pair<uint32_t, Token>> owned;
    for (const Cell& cell : cells_) {
      if (cell.owners.contains(sequence)) owned.emplace_back(cell.position, cell.token);
    }
    std::sort(owned.begin(), owned.end());
    std::vector<Token> tokens;
    for (uint32_t i = 0; i < owned.size(); ++i) {
      CHECK(owned[i].first == i);  // positions are contiguous, none twice
      tokens.push_back(owned[i].second);
    }
    return tokens;
  }

  size_t used() const { return cells_.size(); }

 private:
  std::vector<Cell> cells_;
};

struct Live {
  int sequence;
  std::vector<Token> tokens;
};

void random_traffic(uint32_t seed, int steps, bool can_rewind) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  ReferenceMemory memory;
  const uint32_t capacity = 64 + pick(200);
  const int ids = 3 + static_cast<int>(pick(12));
  PrefixCache cache(memory, capacity, ids, can_rewind);
  std::vector<Live> live;
  uint64_t shared_tokens = 0;

  const auto compute = [&](Live& run, std::vector<Token> tokens) {
    if (!cache.make_room(static_cast<uint32_t>(tokens.size()))) return false;
    for (const Token token : tokens) {
      memory.compute(run.sequence, static_cast<uint32_t>(run.tokens.size()), token);
      run.tokens.push_back(token);
    }
    cache.append(run.sequence, tokens);
    return true;
  };

  for (int step = 0; step < steps; ++step) {
    const uint32_t action = pick(10);
    if (action < 3) {
      // Few distinct tokens, so that prefixes are shared often.
      std::vector<Token> prompt(1 + pick(30));
      for (Token& token : prompt) token = static_cast<Token>(pick(2));
      const std::string scope = pick(4) == 0 ? "other" : "";
      const auto limit = static_cast<uint32_t>(prompt.size()) - 1;
      const auto opened = cache.open(prompt, limit, scope);
      if (!opened) {
        CHECK(static_cast<int>(live.size()) == ids);
        continue;
      }
      CHECK(opened->shared <= limit);
      shared_tokens += opened->shared;
      Live run{opened->sequence, {prompt.begin(), prompt.begin() + opened->shared}};
      CHECK(memory.tokens_of(run.sequence) == run.tokens);
      compute(run, {prompt.begin() + opened->shared, prompt.end()});
      live.push_back(std::move(run));
    } else if (live.empty()) {
      continue;
    } else if (action < 7) {
      compute(live[pick(static_cast<uint32_t>(live.size()))], {static_cast<Token>(pick(2))});
    } else if (action == 7) {
      Live& run = live[pick(static_cast<uint32_t>(live.size()))];
      const uint32_t length = pick(static_cast<uint32_t>(run.tokens.size()) + 1);
      if (!can_rewind) continue;
      cache.truncate(run.sequence, length);
      run.tokens.resize(length);
    } else {
      const uint32_t at = pick(static_cast<uint32_t>(live.size()));
      cache.close(live[at].sequence, pick(4) != 0);
      live.erase(live.begin() + at);
    }
    CHECK(cache.used() == memory.used());
    CHECK(cache.used() <= capacity);
    CHECK(cache.branches() + live.size() <= static_cast<size_t>(ids));
    if (step % 16 == 0) {
      for (const Live& run : live) CHECK(memory.tokens_of(run.sequence) == run.tokens);
      const uint32_t available = cache.available();
      CHECK(available >= cache.free());
      if (pick(8) == 0) {
        CHECK(cache.make_room(available));
        CHECK(cache.free() == available);
        CHECK(cache.branches() == 0 || available == cache.free());
      }
    }
  }
  for (const Live& run : live) cache.close(run.sequence, false);
  CHECK(cache.make_room(capacity));
  CHECK(memory.used() == 0 && cache.used() == 0 && cache.branches() == 0);
  CHECK(!can_rewind || shared_tokens > 0);
}

}  // namespace

int main(int argc, char** argv) {
  CLAIM("a prompt shares the longest prefix, of branches and of running sequences, but never its last token");
  {
    ReferenceMemory memory;
    PrefixCache cache(memory, 100, 8, true);
    const std::vector<Token> tokens{1, 2, 3, 4};
    const auto first = cache.open(tokens, 3, "");
    CHECK(first && first->shared == 0);
    for (uint32_t i = 0; i < 4; ++i) memory.compute(first->sequence, i, tokens[i]);
    cache.append(first->sequence, tokens);
    const auto second = cache.open(tokens, 3, "");
    CHECK(second && second->shared == 3 && cache.used() == 4);
    CHECK(cache.open(tokens, 3, "tenant")->shared == 0);
    cache.close(first->sequence, true);
    CHECK(cache.branches() == 1 && cache.used() == 4);
    const auto third = cache.open(std::vector<Token>{1, 2, 9, 9, 9}, 4, "");
    CHECK(third && third->shared == 2);
  }

  CLAIM("a branch that a longer one holds is dropped, and ids do not run out");
  {
    ReferenceMemory memory;
    PrefixCache cache(memory, 1000, 4, true);
    std::vector<Token> tokens{7};
    for (int turn = 0; turn < 50; ++turn) {
      tokens.push_back(turn);
      const auto opened = cache.open(tokens, static_cast<uint32_t>(tokens.size()) - 1, "");
      CHECK(opened && opened->shared == (turn == 0 ? 0u : static_cast<uint32_t>(tokens.size()) - 1));
      const std::vector<Token> rest(tokens.begin() + opened->shared, tokens.end());
      for (uint32_t i = 0; i < rest.size(); ++i) memory.compute(opened->sequence, opened->shared + i, rest[i]);
      cache.append(opened->sequence, rest);
      cache.close(opened->sequence, true);
      CHECK(cache.branches() == 1);
    }
  }

  CLAIM("random traffic keeps cells, ids and tokens exact");
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 60;
  for (int round = 0; round < rounds; ++round) random_traffic(static_cast<uint32_t>(round), 4000, round % 4 != 0);
  return report();
}
