// The prefix cache: which tokens lie in which sequence of the KV cache, and which cells sequences share. A sequence
// that has ended stays as a cached sequence. A new one begins with the longest cached prefix of its prompt, that of a
// running sequence included. Cached sequences that are not in use are evicted to the host cache, and loaded again on a
// hit.
//
// Sequences are a flat list, each compared from its first token on: there are at most 255, and most differ from the
// prompt early. Cells are reference-counted, since a shared prefix occupies its cells once. Used by the engine thread
// only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/host_cache.h"
#include "cache/kv_memory.h"
#include "scheduler/request.h"

namespace caduceus {

class PrefixCache {
 public:
  struct Opened {
    int sequence;
    uint32_t shared;  // tokens that need not be computed
  };

  // Uses the sequence ids 1 to `last_id`. With `can_rewind` false, a prefix is shared only up to where a cached
  // sequence ends, and nothing is evicted to the host cache.
  PrefixCache(KvMemory& memory, HostCache& store, uint32_t cells, int last_id, bool can_rewind);

  // Begins a running sequence with the longest cached prefix of `tokens`, at most `limit` of them. Evicts a cached
  // sequence when every id is taken; nullopt when every id belongs to a running one.
  std::optional<Opened> open(std::span<const Token> tokens, uint32_t limit, const std::string& scope);
  // Loads from the host cache what it has of `tokens` beyond the sequence's own, as far as cells are free. Returns the
  // number of tokens loaded.
  uint32_t restore(int sequence, std::span<const Token> tokens, uint32_t limit);
  // Length of the longest cached prefix of `tokens`, in the KV cache or in the host cache.
  uint32_t longest(std::span<const Token> tokens, const std::string& scope) const;
  // Makes a cached sequence from a state saved elsewhere, which holds `saved` tokens beginning with `tokens`. False
  // when cells are lacking or llama.cpp refuses it.
  bool load_prefix(std::span<const Token> tokens, uint32_t saved, const std::string& scope,
                   std::span<const uint8_t> state);
  // The state of these tokens, from the KV cache or the host cache; empty when neither has all of them.
  SavedState save(std::span<const Token> tokens, const std::string& scope);
  // Records that these tokens of a running sequence now lie in cells. The caller has called `make_room` for them.
  void append(int sequence, std::span<const Token> tokens);
  // Keeps only the first `length` tokens of a running sequence.
  void truncate(int sequence, uint32_t length);
  // Ends a running sequence. With `keep` it stays as a cached sequence, unless another sequence holds all of it.
  void close(int sequence, bool keep);

  // Evicts the least recently used cached sequences until that many cells are free. False when running ones hold too
  // many.
  bool make_room(uint32_t cells);
  // Evicts a piece of a cached sequence when they hold more than `most` cells together, the newest not counted if
  // `spares_newest`. Once it has begun, each call evicts another, until the first cells are free. False when there is
  // nothing to do.
  bool evict_idle(uint32_t most, bool spares_newest);
  // Cells that would be free without any cached sequence.
  uint32_t available() const { return free() + idle_cells(); }

  uint32_t capacity() const { return static_cast<uint32_t>(references_.size()); }
  uint32_t used() const { return capacity() - static_cast<uint32_t>(free_cells_.size()); }
  uint32_t free() const { return static_cast<uint32_t>(free_cells_.size()); }
  uint32_t cached_sequences() const;
  // How many of its first tokens are those.
  uint32_t agreeing(int sequence, std::span<const Token> tokens) const;
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
  Sequences::iterator idle_sequence(bool newest);
  bool evict_oldest(uint32_t most_saved);
  void drop(int sequence);
  void release(uint32_t cell);

  KvMemory& memory_;
  HostCache& store_;
  bool can_rewind_;
  bool evicting_ = false;
  Sequences sequences_;
  mutable std::optional<uint32_t> idle_cells_;  // held by cached sequences alone; unknown after a change
  std::vector<int> free_ids_;
  std::vector<uint32_t> references_;
  std::vector<uint32_t> free_cells_;
  uint64_t clock_ = 0;
};

}  // namespace caduceus
