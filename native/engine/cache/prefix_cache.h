// Which tokens lie in which sequence of the KV cache, and who shares them. Sequences that ended stay as branches, and
// a new one begins with the longest cached prefix of its prompt, of a branch or of one that still runs. Branches that
// have to make room, or that are cold, go to the branch store and come back from there.
//
// A flat list, searched from its first token on: at most 255 sequences, most of which differ from the prompt early.
// Cells are counted exactly by a reference count for each, since shared prefixes occupy theirs once.
// Used by the engine thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/kv_memory.h"
#include "cache/stored_states.h"
#include "scheduler/request.h"

namespace caduceus {

class PrefixCache {
 public:
  struct Opened {
    int sequence;
    uint32_t shared;  // tokens that need not be computed
  };

  // Ids 1 to `last_id` are used. `can_rewind` false: a prefix is shared only where a sequence ends, and nothing is
  // stored.
  PrefixCache(KvMemory& memory, HostCache& store, uint32_t cells, int last_id, bool can_rewind);

  // Begins a running sequence with the longest cached prefix of `tokens`, never more than `limit` of it. Evicts a
  // branch when every id is taken; nullopt when all of them run.
  std::optional<Opened> open(std::span<const Token> tokens, uint32_t limit, const std::string& scope);
  // Goes on with what the store has of `tokens` beyond a running sequence's own, as far as there is room; gives its
  // length.
  uint32_t restore(int sequence, std::span<const Token> tokens, uint32_t limit);
  // How many of `tokens` need not be computed, wherever they are.
  uint32_t longest(std::span<const Token> tokens, const std::string& scope) const;
  // A state saved elsewhere, of `saved` tokens that begin with `tokens`, becomes a branch of these; false when there is
  // no room or it does not fit.
  bool load_prefix(std::span<const Token> tokens, uint32_t saved, const std::string& scope,
                   std::span<const uint8_t> state);
  // The state of a running sequence's first tokens.
  SavedState save(int sequence, uint32_t length) { return memory_.save(sequence, 0, length); }
  // These tokens of a running sequence now lie in cells. The caller has made room for them.
  void append(int sequence, std::span<const Token> tokens);
  // Only the first `length` tokens of a running sequence are left.
  void truncate(int sequence, uint32_t length);
  // Ends a running sequence. Kept as a branch, unless another sequence holds all of it already.
  void close(int sequence, bool keep);

  // Moves the least recently used branches out until that many cells are free; false when running ones hold too many.
  bool make_room(uint32_t cells);
  // Moves one branch to the store when branches hold more cells than `most`, the newest one's not counted if
  // `spares_newest`; then all others too, one a call, so that the cells from the first on become free. False when there
  // is nothing to do.
  bool evict_idle(uint32_t most, bool spares_newest);
  // Cells that would be free with every branch gone.
  uint32_t available() const { return free() + idle_cells(); }

  uint32_t capacity() const { return static_cast<uint32_t>(references_.size()); }
  uint32_t used() const { return capacity() - static_cast<uint32_t>(free_cells_.size()); }
  uint32_t free() const { return static_cast<uint32_t>(free_cells_.size()); }
  uint32_t branches() const;
  uint32_t length(int sequence) const { return static_cast<uint32_t>(sequences_.at(sequence).tokens.size()); }

 private:
  struct Sequence {
    std::vector<Token> tokens;
    std::vector<uint32_t> cells;  // one for each token; not llama.cpp's own numbers
    std::string scope;
    uint64_t last_used = 0;
    bool running = false;
  };

  using Sequences = std::map<int, Sequence>;

  std::optional<int> free_id();
  uint32_t idle_cells() const;
  Sequences::iterator branch(bool newest);
  bool move_out_oldest();
  void drop(int sequence);
  void release(uint32_t cell);

  KvMemory& memory_;
  HostCache& store_;
  bool can_rewind_;
  bool evicting_ = false;
  Sequences sequences_;
  mutable std::optional<uint32_t> idle_cells_;  // held by branches alone; unknown after a change
  std::vector<int> free_ids_;
  std::vector<uint32_t> references_;
  std::vector<uint32_t> free_cells_;
  uint64_t clock_ = 0;
};

}  // namespace caduceus
