#include "cache/host_cache.h"

#include <algorithm>

namespace caduceus {

HostCache::Match HostCache::longest(std::span<const Token> tokens, const std::string& scope) const {
  Match best;
  for (const auto& node : nodes_) {
    if (node->scope != scope) continue;
    const auto [end, _] = std::mismatch(node->tokens.begin(), node->tokens.end(), tokens.begin(), tokens.end());
    const auto length = static_cast<uint32_t>(end - node->tokens.begin());
    // Where they differ before the node's own state begins, its parent is as good.
    if (length > best.length && length > node->begin) best = {node.get(), length};
  }
  return best;
}

uint32_t HostCache::match(std::span<const Token> tokens, const std::string& scope) const {
  return longest(tokens, scope).length;
}

std::vector<HostCache::Piece> HostCache::pieces(std::span<const Token> tokens, const std::string& scope, uint32_t from,
                                                uint32_t to) {
  std::vector<Piece> pieces;
  Node* node = longest(tokens.first(to), scope).node;
  if (node) touch(node);
  for (uint32_t end = to; node && end > from; node = node->parent) {
    if (node->begin >= end) continue;
    const auto saved = static_cast<uint32_t>(node->tokens.size()) - node->begin;
    pieces.push_back({std::max(from, node->begin), end, saved, node->state});
    end = node->begin;
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

void HostCache::add(std::span<const Token> tokens, const std::string& scope,
                    const std::function<SavedState(uint32_t begin)>& save) {
  if (!is_on()) return;
  const Match known = longest(tokens, scope);
  if (known.node) touch(known.node);
  if (known.length == tokens.size()) return;
  SavedState state = save(known.length);
  if (state.size == 0 || state.size > most_bytes_) return;
  bytes_ += state.size;
  auto node = std::make_unique<Node>(Node{known.node,
                                          known.length,
                                          {tokens.begin(), tokens.end()},
                                          scope,
                                          std::make_shared<const SavedState>(std::move(state))});
  if (known.node) ++known.node->children;
  touch(node.get());
  nodes_.push_back(std::move(node));
  evict();
}

void HostCache::touch(Node* node) {
  ++clock_;
  for (; node; node = node->parent) node->last_used = clock_;
}

void HostCache::evict() {
  while (bytes_ > most_bytes_) {
    // A parent was used no earlier than its children, so the oldest leaf is the oldest of all that nothing stands on.
    auto oldest = nodes_.end();
    for (auto it = nodes_.begin(); it != nodes_.end(); ++it) {
      if ((*it)->children == 0 && (oldest == nodes_.end() || (*it)->last_used < (*oldest)->last_used)) oldest = it;
    }
    bytes_ -= (*oldest)->state->size;
    if ((*oldest)->parent) --(*oldest)->parent->children;
    nodes_.erase(oldest);
  }
}

}  // namespace caduceus
