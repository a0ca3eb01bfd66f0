// The host cache: evicted sequences, as saved state in memory. Attention walks all cells up to the highest one in use,
// so a KV cache full of idle sequences slows every token (with 12,000 such cells: 12.0 ms a token instead of 7.4).
// Saving or loading 1,000 tokens of that model takes some 10 ms, computing them 3 s.
//
// States form a tree: a node holds the state of the tokens that its parents do not have, so that nothing is stored
// twice. Used by the engine thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cache/kv_memory.h"
#include "scheduler/request.h"

namespace caduceus {

class HostCache {
 public:
  // Holds at most that many bytes of state, and drops the least recently used first. 0 turns it off.
  explicit HostCache(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  bool is_on() const { return most_bytes_ > 0; }

  // How many of the first tokens are stored.
  uint32_t match(std::span<const Token> tokens, const std::string& scope) const;

  // A part of a saved state: positions [begin, end).
  struct Piece {
    uint32_t begin;
    uint32_t end;
    uint32_t saved;  // tokens that the whole state holds
    std::shared_ptr<const SavedState> state;
  };
  // The parts that hold positions [from, to), in order, of tokens that match up to `to`.
  std::vector<Piece> pieces(std::span<const Token> tokens, const std::string& scope, uint32_t from, uint32_t to);

  // Stores these tokens. `save` is asked for the state of the positions [begin, tokens.size()) that are not stored yet.
  void add(std::span<const Token> tokens, const std::string& scope,
           const std::function<SavedState(uint32_t begin)>& save);

  uint64_t bytes() const { return bytes_; }
  size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    Node* parent;               // holds what comes before `begin`
    uint32_t begin;             // where the state begins
    std::vector<Token> tokens;  // from the first one on, those of the parents included
    std::string scope;
    std::shared_ptr<const SavedState> state;
    uint32_t children = 0;
    uint64_t last_used = 0;
  };
  struct Match {
    Node* node = nullptr;
    uint32_t length = 0;
  };

  Match longest(std::span<const Token> tokens, const std::string& scope) const;
  void touch(Node* node);
  void evict();

  uint64_t most_bytes_;
  uint64_t bytes_ = 0;
  uint64_t clock_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace caduceus
