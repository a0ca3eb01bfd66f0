// The prefix cache against a reference that keeps, for every cell, who owns it: random traffic, exact accounting.
//   prefix_cache_test [rounds of 4,000 steps = 60] [first seed = 0]
#include "cache/prefix_cache.h"

#include <algorithm>
#include <array>
#include <random>

#include "check.h"
#include "reference_memory.h"

using namespace caduceus;

namespace {

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
  // None, too small for much, enough for everything.
  HostCache store(std::array<uint64_t, 3>{0, 400, 1 << 30}[seed % 3]);
  PrefixCache cache(memory, store, capacity, ids, can_rewind);
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
    const uint32_t action = pick(11);
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
      const uint32_t known = cache.restore(opened->sequence, prompt, limit);
      CHECK(known >= opened->shared && known <= limit);
      CHECK(known == opened->shared || store.is_on());
      Live run{opened->sequence, {prompt.begin(), prompt.begin() + known}};
      CHECK(memory.tokens_of(run.sequence) == run.tokens);
      compute(run, {prompt.begin() + known, prompt.end()});
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
    } else if (action == 8) {
      const uint32_t cached = cache.cached_sequences();
      const bool moved = cache.evict_idle(pick(20), pick(2) == 0);
      CHECK(cache.cached_sequences() == cached - (moved ? 1 : 0));
    } else {
      const uint32_t at = pick(static_cast<uint32_t>(live.size()));
      cache.close(live[at].sequence, pick(4) != 0);
      live.erase(live.begin() + at);
    }
    CHECK(cache.used() == memory.used());
    CHECK(memory.most_used <= capacity);
    CHECK(store.bytes() <= (seed % 3 == 0 ? 0u : seed % 3 == 1 ? 400u : 1u << 30));
    CHECK(cache.used() <= capacity);
    CHECK(cache.cached_sequences() + live.size() <= static_cast<size_t>(ids));
    if (step % 16 == 0) {
      for (const Live& run : live) CHECK(memory.tokens_of(run.sequence) == run.tokens);
      const uint32_t available = cache.available();
      CHECK(available >= cache.free());
      if (pick(8) == 0) {
        CHECK(cache.make_room(available));
        CHECK(cache.free() == available);
        CHECK(cache.cached_sequences() == 0 || available == cache.free());
      }
    }
  }
  for (const Live& run : live) cache.close(run.sequence, false);
  CHECK(cache.make_room(capacity));
  CHECK(memory.used() == 0 && cache.used() == 0 && cache.cached_sequences() == 0);
  CHECK(!can_rewind || shared_tokens > 0);
  CHECK((store.is_on() && can_rewind) == (memory.saves > 0));
  if (seed % 3 == 2 && can_rewind) CHECK(memory.loads > 0);
}

}  // namespace

int main(int argc, char** argv) {
  CLAIM("a prompt shares the longest prefix of cached and of running sequences, but never its last token");
  {
    ReferenceMemory memory;
    HostCache store(0);
    PrefixCache cache(memory, store, 100, 8, true);
    const std::vector<Token> tokens{1, 2, 3, 4};
    const auto first = cache.open(tokens, 3, "");
    CHECK(first && first->shared == 0);
    for (uint32_t i = 0; i < 4; ++i) memory.compute(first->sequence, i, tokens[i]);
    cache.append(first->sequence, tokens);
    const auto second = cache.open(tokens, 3, "");
    CHECK(second && second->shared == 3 && cache.used() == 4);
    CHECK(cache.open(tokens, 3, "tenant")->shared == 0);
    cache.close(first->sequence, true);
    CHECK(cache.cached_sequences() == 1 && cache.used() == 4);
    const auto third = cache.open(std::vector<Token>{1, 2, 9, 9, 9}, 4, "");
    CHECK(third && third->shared == 2);
  }

  CLAIM("a cached sequence that a longer one contains is dropped, and ids do not run out");
  {
    ReferenceMemory memory;
    HostCache store(0);
    PrefixCache cache(memory, store, 1000, 4, true);
    std::vector<Token> tokens{7};
    for (int turn = 0; turn < 50; ++turn) {
      tokens.push_back(turn);
      const auto opened = cache.open(tokens, static_cast<uint32_t>(tokens.size()) - 1, "");
      CHECK(opened && opened->shared == (turn == 0 ? 0u : static_cast<uint32_t>(tokens.size()) - 1));
      const std::vector<Token> rest(tokens.begin() + opened->shared, tokens.end());
      for (uint32_t i = 0; i < rest.size(); ++i) memory.compute(opened->sequence, opened->shared + i, rest[i]);
      cache.append(opened->sequence, rest);
      cache.close(opened->sequence, true);
      CHECK(cache.cached_sequences() == 1);
    }
  }

  CLAIM("idle sequences are evicted to the host cache, shared prefixes once, and loaded unchanged");
  {
    ReferenceMemory memory;
    HostCache store(1 << 20);
    PrefixCache cache(memory, store, 200, 16, true);
    const auto run = [&](std::vector<Token> tokens) {
      const auto opened = cache.open(tokens, static_cast<uint32_t>(tokens.size()) - 1, "");
      const uint32_t known = cache.restore(opened->sequence, tokens, static_cast<uint32_t>(tokens.size()) - 1);
      const std::vector<Token> rest(tokens.begin() + known, tokens.end());
      for (uint32_t i = 0; i < rest.size(); ++i) memory.compute(opened->sequence, known + i, rest[i]);
      cache.append(opened->sequence, rest);
      CHECK(memory.tokens_of(opened->sequence) == tokens);
      cache.close(opened->sequence, true);
      return known;
    };
    std::vector<Token> base(40);
    for (Token i = 0; i < 40; ++i) base[i] = i;
    const auto with = [&](Token last, int count) {
      auto tokens = base;
      for (int i = 0; i < count; ++i) tokens.push_back(last + i);
      return tokens;
    };
    CHECK(run(with(100, 20)) == 0);
    CHECK(run(with(200, 10)) == 40);
    CHECK(cache.used() == 70 && !cache.evict_idle(70, false) && !cache.evict_idle(20, true));
    while (cache.evict_idle(0, false)) {
    }
    CHECK(cache.used() == 0 && cache.cached_sequences() == 0 && memory.used() == 0);
    // 60 tokens, and the 10 that the second has of its own; a word before each.
    CHECK(store.size() == 2 && store.bytes() == (61 + 11) * sizeof(Token));
    CHECK(run(with(200, 30)) == 50);
    CHECK(run(with(100, 20)) == 59);
    while (cache.evict_idle(0, false)) {
    }
    CHECK(store.size() == 3 && store.bytes() == (61 + 11 + 21) * sizeof(Token));
    CHECK(cache.longest(with(200, 30), "") == 70 && cache.longest(with(200, 30), "tenant") == 0);
  }

  CLAIM("a long sequence is evicted in pieces, loaded unchanged from them, and saved as one state");
  {
    ReferenceMemory memory;
    HostCache store(1 << 20);
    PrefixCache cache(memory, store, 700, 4, true);
    std::vector<Token> tokens(600);
    for (Token i = 0; i < 600; ++i) tokens[i] = i;
    const auto opened = cache.open(tokens, 599, "");
    for (uint32_t i = 0; i < 600; ++i) memory.compute(opened->sequence, i, tokens[i]);
    cache.append(opened->sequence, tokens);
    cache.close(opened->sequence, true);
    for (const size_t pieces : {1, 2, 3}) {
      CHECK(cache.evict_idle(0, false) && store.size() == pieces);
      CHECK(cache.used() == (pieces == 3 ? 0 : 600) && cache.longest(tokens, "") == 600);
    }
    const SavedState state = cache.save(tokens, "");
    CHECK(state.size == 601 * sizeof(Token) && cache.used() == 0);
    CHECK(cache.save(tokens, "tenant").size == 0);
    const auto again = cache.open(tokens, 599, "");
    CHECK(cache.restore(again->sequence, tokens, 599) == 599);
    CHECK(memory.tokens_of(again->sequence) == std::vector<Token>(tokens.begin(), tokens.begin() + 599));
  }

  CLAIM("a state saved elsewhere becomes a cached sequence like any other");
  {
    ReferenceMemory memory;
    HostCache store(0);
    PrefixCache cache(memory, store, 60, 4, true);
    const std::vector<Token> tokens(50, 3);
    const auto opened = cache.open(tokens, 49, "");
    for (uint32_t i = 0; i < 50; ++i) memory.compute(opened->sequence, i, 3);
    cache.append(opened->sequence, tokens);
    const SavedState state = cache.save(std::span(tokens).first(40), "");
    CHECK(!cache.load_prefix(std::span(tokens).first(40), 40, "", state.bytes()));  // no room
    CHECK(cache.used() == 50 && cache.cached_sequences() == 0);
    cache.close(opened->sequence, false);
    CHECK(cache.load_prefix(std::span(tokens).first(30), 40, "", state.bytes()));
    CHECK(cache.used() == 30 && memory.used() == 30 && cache.cached_sequences() == 1 &&
          cache.longest(tokens, "") == 30);
  }

  CLAIM("random traffic keeps cells, ids and tokens exact");
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 60;
  const int first = argc > 2 ? std::atoi(argv[2]) : 0;
  for (int round = 0; round < rounds; ++round)
    random_traffic(static_cast<uint32_t>(first + round), 4000, round % 4 != 0);
  return report();
}
