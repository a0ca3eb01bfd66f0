#include "prefix_cache.h"

#include <algorithm>
#include <stdexcept>

namespace caduceus {
namespace {

uint32_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  const auto [end, _] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<uint32_t>(end - a.begin());
}

}  // namespace

PrefixCache::PrefixCache(KvMemory& memory, uint32_t cells, int sequences, bool can_rewind)
    : memory_(memory), can_rewind_(can_rewind), references_(cells, 0) {
  for (int id = sequences - 1; id >= 0; --id) free_ids_.push_back(id);
  for (uint32_t cell = cells; cell-- > 0;) free_cells_.push_back(cell);
}

std::optional<PrefixCache::Opened> PrefixCache::open(std::span<const Token> tokens, uint32_t limit, const std::string& scope) {
  int source = -1;
  uint32_t shared = 0;
  const auto usable = tokens.first(std::min<size_t>(limit, tokens.size()));
  for (auto& [id, sequence] : sequences_) {
    if (sequence.scope != scope) continue;
    const uint32_t length = common_prefix(sequence.tokens, usable);
    if (!can_rewind_ && length != sequence.tokens.size()) continue;
    if (length > shared) shared = length, source = id;
  }
  if (source >= 0) sequences_.at(source).last_used = ++clock_;
  const auto id = free_id();
  if (!id) return std::nullopt;
  // Making an id free may have cost the source itself.
  if (source >= 0 && !sequences_.contains(source)) shared = 0;

  Sequence sequence;
  sequence.scope = scope;
  sequence.running = true;
  sequence.last_used = ++clock_;
  if (shared > 0) {
    const Sequence& from = sequences_.at(source);
    memory_.share(source, *id, shared);
    sequence.tokens.assign(from.tokens.begin(), from.tokens.begin() + shared);
    sequence.cells.assign(from.cells.begin(), from.cells.begin() + shared);
    for (const uint32_t cell : sequence.cells) ++references_[cell];
  }
  sequences_.emplace(*id, std::move(sequence));
  return Opened{*id, shared};
}

void PrefixCache::append(int id, std::span<const Token> tokens) {
  Sequence& sequence = sequences_.at(id);
  if (tokens.size() > free_cells_.size()) throw std::logic_error("PrefixCache::append without room");
  for (const Token token : tokens) {
    const uint32_t cell = free_cells_.back();
    free_cells_.pop_back();
    references_[cell] = 1;
    sequence.cells.push_back(cell);
    sequence.tokens.push_back(token);
  }
}

void PrefixCache::truncate(int id, uint32_t length) {
  Sequence& sequence = sequences_.at(id);
  memory_.remove(id, length);
  while (sequence.cells.size() > length) {
    release(sequence.cells.back());
    sequence.cells.pop_back();
    sequence.tokens.pop_back();
  }
}

void PrefixCache::close(int id, bool keep) {
  Sequence& sequence = sequences_.at(id);
  if (!keep || sequence.tokens.empty()) return drop(id);
  for (auto it = sequences_.begin(); it != sequences_.end();) {
    const auto current = it++;
    if (current->first == id || current->second.scope != sequence.scope) continue;
    const uint32_t length = common_prefix(current->second.tokens, sequence.tokens);
    // Held by another already: that one may go on running, but its end is at least as long as this.
    if (length == sequence.tokens.size() && can_rewind_) {
      current->second.last_used = ++clock_;
      return drop(id);
    }
    if (length == current->second.tokens.size() && !current->second.running && can_rewind_) drop(current->first);
  }
  sequence.running = false;
  sequence.last_used = ++clock_;
}

bool PrefixCache::make_room(uint32_t cells) {
  while (free() < cells) {
    if (!evict_oldest()) return false;
  }
  return true;
}

uint32_t PrefixCache::available() const {
  std::vector<bool> kept(references_.size(), false);
  uint32_t held = 0;
  for (const auto& [_, sequence] : sequences_) {
    if (!sequence.running) continue;
    for (const uint32_t cell : sequence.cells) {
      if (!kept[cell]) kept[cell] = true, ++held;
    }
  }
  return capacity() - held;
}

uint32_t PrefixCache::branches() const {
  return static_cast<uint32_t>(std::count_if(sequences_.begin(), sequences_.end(), [](const auto& entry) { return !entry.second.running; }));
}

std::optional<int> PrefixCache::free_id() {
  if (free_ids_.empty() && !evict_oldest()) return std::nullopt;
  const int id = free_ids_.back();
  free_ids_.pop_back();
  return id;
}

bool PrefixCache::evict_oldest() {
  auto oldest = sequences_.end();
  for (auto it = sequences_.begin(); it != sequences_.end(); ++it) {
    if (!it->second.running && (oldest == sequences_.end() || it->second.last_used < oldest->second.last_used)) oldest = it;
  }
  if (oldest == sequences_.end()) return false;
  drop(oldest->first);
  return true;
}

void PrefixCache::drop(int id) {
  memory_.remove(id, 0);
  for (const uint32_t cell : sequences_.at(id).cells) release(cell);
  sequences_.erase(id);
  free_ids_.push_back(id);
}

void PrefixCache::release(uint32_t cell) {
  if (--references_[cell] == 0) free_cells_.push_back(cell);
}

}  // namespace caduceus
