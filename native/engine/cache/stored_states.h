// Branches that were moved out of the KV cache, as saved state in memory: attention walks all cells up to the highest
// used one, so a cache full of branches slows every token (measured with 12,000 cells of branches: 12.0 ms a token
// instead of 7.4), while saving and loading 1,000 tokens of the same model takes some 10 ms, where computing them takes
// 3 s.
//
// A tree: each node holds the state of the tokens that its parent's path does not have, so that nothing is kept twice.
// Used by the engine thread only.
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
  // Keeps at most that many bytes of state, the least recently used out first. 0: keeps nothing.
  explicit HostCache(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  bool is_on() const { return most_bytes_ > 0; }

  // How many of the first tokens are here.
  uint32_t match(std::span<const Token> tokens, const std::string& scope) const;

  // Positions [begin, end) out of a saved state.
  struct Piece {
    uint32_t begin;
    uint32_t end;
    uint32_t saved;  // tokens that the whole state holds
    std::shared_ptr<const SavedState> state;
  };
  // Where positions [from, to) are, from the first to the last, of tokens that match up to `to`.
  std::vector<Piece> pieces(std::span<const Token> tokens, const std::string& scope, uint32_t from, uint32_t to);

  // Keeps these tokens. `save` is asked for the state of positions [begin, tokens.size()) that are not here yet.
  void add(std::span<const Token> tokens, const std::string& scope,
           const std::function<SavedState(uint32_t begin)>& save);

  uint64_t bytes() const { return bytes_; }
  size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    Node* parent;               // holds what comes before `begin`
    uint32_t begin;             // where the state begins
    std::vector<Token> tokens;  // from the first one on, the parents' included
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
