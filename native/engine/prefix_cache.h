// Which tokens lie in which sequence of the KV cache, and who shares them. Sequences that ended stay as branches, and
// a new one begins with the longest cached prefix of its prompt, of a branch or of one that still runs.
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

#include "kv_memory.h"
#include "request.h"

namespace caduceus {

class PrefixCache {
 public:
  struct Opened {
    int sequence;
    uint32_t shared;  // tokens that need not be computed
  };

  // `sequences`: ids 0 to sequences - 1 may be used. `can_rewind` false: a prefix is shared only where a sequence ends.
  PrefixCache(KvMemory& memory, uint32_t cells, int sequences, bool can_rewind);

  // Begins a running sequence with the longest cached prefix of `tokens`, never more than `limit` of it. Evicts a
  // branch when every id is taken; nullopt when all of them run.
  std::optional<Opened> open(std::span<const Token> tokens, uint32_t limit, const std::string& scope);
  // These tokens of a running sequence now lie in cells. The caller has made room for them.
  void append(int sequence, std::span<const Token> tokens);
  // Only the first `length` tokens of a running sequence are left.
  void truncate(int sequence, uint32_t length);
  // Ends a running sequence. Kept as a branch, unless another sequence holds all of it already.
  void close(int sequence, bool keep);

  // Evicts the least recently used branches until that many cells are free; false when running ones hold too many.
  bool make_room(uint32_t cells);
  // Cells that would be free with every branch gone.
  uint32_t available() const;

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

  std::optional<int> free_id();
  bool evict_oldest();
  void drop(int sequence);
  void release(uint32_t cell);

  KvMemory& memory_;
  bool can_rewind_;
  std::map<int, Sequence> sequences_;
  std::vector<int> free_ids_;
  std::vector<uint32_t> references_;
  std::vector<uint32_t> free_cells_;
  uint64_t clock_ = 0;
};

}  // namespace caduceus
