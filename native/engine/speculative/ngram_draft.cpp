#include "speculative/ngram_draft.h"

namespace caduceus {

std::vector<Token> ngram_draft(std::span<const Token> tokens, uint32_t most) {
  const size_t size = tokens.size();
  if (size < 3) return {};
  size_t next = 0;  // position after the match
  for (size_t at = size - 2; at >= 1; --at) {
    if (tokens[at] != tokens[size - 1] || tokens[at - 1] != tokens[size - 2]) continue;
    const bool three = at >= 2 && tokens[at - 2] == tokens[size - 3];
    if (three || next == 0) next = at + 1;
    if (three) break;
  }
  std::vector<Token> draft;
  if (next == 0) return draft;
  // A match that reaches the end continues with the draft itself.
  for (; draft.size() < most; ++next) draft.push_back(next < size ? tokens[next] : draft[next - size]);
  return draft;
}

}  // namespace caduceus
