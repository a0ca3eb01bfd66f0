#include "cache/prefix_cache.h"

#include <algorithm>
#include <stdexcept>

namespace caduceus {
namespace {

// Fewer tokens take as long to load as to compute.
constexpr uint32_t worth_restoring = 8;

// Tokens that are saved at a time while cells are not needed at once: a request that arrives waits no longer than for
// these (33 MB of the 7B).
constexpr uint32_t piece = 256;

uint32_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  const auto [end, _] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<uint32_t>(end - a.begin());
}

}  // namespace

PrefixCache::PrefixCache(KvMemory& memory, HostCache& store, uint32_t cells, int last_id, bool can_rewind)
    : memory_(memory), store_(store), can_rewind_(can_rewind), references_(cells, 0) {
  for (int id = last_id; id >= 1; --id) free_ids_.push_back(id);
  for (uint32_t cell = cells; cell-- > 0;) free_cells_.push_back(cell);
}

std::optional<PrefixCache::Opened> PrefixCache::open(std::span<const Token> tokens, uint32_t limit,
                                                     const std::string& scope) {
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
  // Freeing an id may have evicted the source itself.
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
  idle_cells_.reset();
  return Opened{*id, shared};
}

uint32_t PrefixCache::restore(int id, std::span<const Token> tokens, uint32_t limit) {
  Sequence& sequence = sequences_.at(id);
  const auto usable = tokens.first(std::min<size_t>(limit, tokens.size()));
  const auto shared = static_cast<uint32_t>(sequence.tokens.size());
  const uint32_t stored = store_.match(usable, sequence.scope);
  if (stored < shared + worth_restoring) return shared;
  // `make_room` may drop these very states from the host cache; the shared pointers keep them alive.
  for (const HostCache::Piece& piece : store_.pieces(usable, sequence.scope, shared, stored)) {
    if (!make_room(piece.saved) || !memory_.load(id, piece.state->bytes(), piece.begin, piece.end)) break;
    append(id, usable.subspan(piece.begin, piece.end - piece.begin));
  }
  return static_cast<uint32_t>(sequence.tokens.size());
}

uint32_t PrefixCache::longest(std::span<const Token> tokens, const std::string& scope) const {
  uint32_t longest = store_.match(tokens, scope);
  for (const auto& [_, sequence] : sequences_) {
    if (sequence.scope == scope) longest = std::max(longest, common_prefix(sequence.tokens, tokens));
  }
  return longest;
}

uint32_t PrefixCache::agreeing(int id, std::span<const Token> tokens) const {
  return common_prefix(sequences_.at(id).tokens, tokens);
}

bool PrefixCache::load_prefix(std::span<const Token> tokens, uint32_t saved, const std::string& scope,
                              std::span<const uint8_t> state) {
  const auto length = static_cast<uint32_t>(tokens.size());
  const auto opened = open(tokens.first(0), 0, scope);
  if (!opened) return false;
  const bool fits = make_room(saved) && memory_.load(opened->sequence, state, 0, length);
  if (fits) append(opened->sequence, tokens);
  close(opened->sequence, fits);
  return fits;
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
  idle_cells_.reset();
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
    // Another sequence already holds all of these tokens, and keeps at least as many.
    if (length == sequence.tokens.size() && can_rewind_) {
      current->second.last_used = ++clock_;
      return drop(id);
    }
    if (length == current->second.tokens.size() && !current->second.running && can_rewind_) drop(current->first);
  }
  sequence.running = false;
  sequence.last_used = ++clock_;
  idle_cells_.reset();
}

bool PrefixCache::make_room(uint32_t cells) {
  while (free() < cells) {
    if (!evict_oldest(UINT32_MAX)) return false;
  }
  return true;
}

SavedState PrefixCache::save(std::span<const Token> tokens, const std::string& scope) {
  const auto length = static_cast<uint32_t>(tokens.size());
  const auto opened = open(tokens, length, scope);
  if (!opened) return {};
  SavedState state;
  if (restore(opened->sequence, tokens, length) == length) state = memory_.save(opened->sequence, 0, length);
  close(opened->sequence, false);
  return state;
}

bool PrefixCache::evict_idle(uint32_t most, bool spares_newest) {
  if (!store_.is_on() || !can_rewind_) return false;
  uint32_t cells = idle_cells();
  if (spares_newest && cells > most) {
    const auto newest = idle_sequence(true);
    cells -= std::min(cells, newest == sequences_.end() ? 0 : static_cast<uint32_t>(newest->second.cells.size()));
  }
  evicting_ = (evicting_ || cells > most) && evict_oldest(piece);
  return evicting_;
}

uint32_t PrefixCache::idle_cells() const {
  if (!idle_cells_) {
    std::vector<bool> held(references_.size(), false);
    uint32_t running = 0;
    for (const auto& [_, sequence] : sequences_) {
      if (!sequence.running) continue;
      for (const uint32_t cell : sequence.cells) {
        if (!held[cell]) held[cell] = true, ++running;
      }
    }
    idle_cells_ = used() - running;
  }
  return *idle_cells_;
}

uint32_t PrefixCache::cached_sequences() const {
  return static_cast<uint32_t>(
      std::count_if(sequences_.begin(), sequences_.end(), [](const auto& entry) { return !entry.second.running; }));
}

std::optional<int> PrefixCache::free_id() {
  if (free_ids_.empty() && !evict_oldest(UINT32_MAX)) return std::nullopt;
  const int id = free_ids_.back();
  free_ids_.pop_back();
  return id;
}

PrefixCache::Sequences::iterator PrefixCache::idle_sequence(bool newest) {
  auto found = sequences_.end();
  for (auto it = sequences_.begin(); it != sequences_.end(); ++it) {
    if (it->second.running) continue;
    if (found == sequences_.end() || (it->second.last_used > found->second.last_used) == newest) found = it;
  }
  return found;
}

bool PrefixCache::evict_oldest(uint32_t most_saved) {
  const auto oldest = idle_sequence(false);
  if (oldest == sequences_.end()) return false;
  const auto& [id, sequence] = *oldest;
  if (can_rewind_) {
    const std::span<const Token> tokens = sequence.tokens;
    const uint32_t stored = store_.match(tokens, sequence.scope);
    const auto save = [&](uint32_t length) {
      store_.add(tokens.first(length), sequence.scope, [&](uint32_t begin) { return memory_.save(id, begin, length); });
    };
    if (tokens.size() - stored > most_saved) {
      save(stored + most_saved);
      // Unless the host cache has no place for it.
      if (store_.match(tokens, sequence.scope) > stored) return true;
    }
    save(static_cast<uint32_t>(tokens.size()));
  }
  drop(id);
  return true;
}

void PrefixCache::drop(int id) {
  memory_.remove(id, 0);
  for (const uint32_t cell : sequences_.at(id).cells) release(cell);
  sequences_.erase(id);
  free_ids_.push_back(id);
  idle_cells_.reset();
}

void PrefixCache::release(uint32_t cell) {
  if (--references_[cell] == 0) free_cells_.push_back(cell);
}

}  // namespace caduceus
