// llama.cpp's unified cache in its simplest form: cells with an owner set, a token and a position.
#pragma once

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "cache/kv_memory.h"
#include "check.h"
#include "scheduler/request.h"

namespace caduceus {

class ReferenceMemory final : public KvMemory {
 public:
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

  // A saved state is its tokens, the first one's position before them.
  SavedState save(int sequence, uint32_t begin, uint32_t end) override {
    const auto tokens = tokens_of(sequence);
    CHECK(begin < end && end <= tokens.size());
    std::vector<Token> written{static_cast<Token>(begin)};
    written.insert(written.end(), tokens.begin() + begin, tokens.begin() + end);
    SavedState state{std::make_unique<uint8_t[]>(written.size() * sizeof(Token)), written.size() * sizeof(Token)};
    std::memcpy(state.data.get(), written.data(), state.size);
    ++saves;
    return state;
  }

  bool load(int sequence, std::span<const uint8_t> state, uint32_t begin, uint32_t end) override {
    std::vector<Token> written(state.size() / sizeof(Token));
    std::memcpy(written.data(), state.data(), state.size());
    const auto first = static_cast<uint32_t>(written.front());
    CHECK(first <= begin && begin < end && end - first < written.size());
    // All of it lies in cells for a moment.
    most_used = std::max(most_used, cells_.size() + written.size() - 1);
    CHECK(tokens_of(sequence).size() == begin);
    for (uint32_t position = begin; position < end; ++position)
      compute(sequence, position, written[1 + position - first]);
    ++loads;
    return true;
  }

  void compute(int sequence, uint32_t position, Token token) {
    cells_.push_back({token, position, {sequence}});
    most_used = std::max(most_used, cells_.size());
  }

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

  size_t most_used = 0;
  size_t saves = 0;
  size_t loads = 0;

 private:
  struct Cell {
    Token token;
    uint32_t position;
    std::set<int> owners;
  };
  std::vector<Cell> cells_;
};

}  // namespace caduceus
