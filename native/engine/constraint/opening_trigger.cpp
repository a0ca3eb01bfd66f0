#include "constraint/opening_trigger.h"

#include <algorithm>
#include <string_view>

namespace caduceus {
namespace {

bool is_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// More white space is text.
constexpr size_t most_spaces = 256;

// Whether white space may stand before the byte of `text` at `at`, whatever the text has there.
bool takes_space(std::string_view text, size_t at) {
  return is_space(text[at]) || std::string_view("<>[]{}:,").find(text[at - 1]) != std::string_view::npos;
}

}  // namespace

OpeningTrigger::OpeningTrigger(std::vector<std::string> openings, const std::vector<std::string>& start_openings)
    : anywhere_(openings.size()) {
  openings.insert(openings.end(), start_openings.begin(), start_openings.end());
  openings_ = std::make_shared<const std::vector<std::string>>(std::move(openings));
}

OpeningTrigger::Seen OpeningTrigger::push(char byte) {
  if (is_behind_call_ && is_space(byte))
    ++behind_;
  else
    is_behind_call_ = false;
  std::vector<Match> next;
  for (Match match : matches_) {
    const std::string& text = (*openings_)[match.opening];
    if (++match.bytes > text.size() + most_spaces) continue;
    if (is_space(byte) && takes_space(text, match.matched)) {
      next.push_back(match);
      continue;
    }
    while (is_space(text[match.matched])) ++match.matched;
    if (text[match.matched] != byte) continue;
    if (++match.matched == text.size()) return found_ = match.opening, matches_.clear(), Seen::call;
    next.push_back(match);
  }
  for (size_t at = 0; at < (is_over_ ? anywhere_ : openings_->size()); ++at) {
    if ((*openings_)[at][0] != byte) continue;
    if ((*openings_)[at].size() == 1) return found_ = at, matches_.clear(), Seen::call;
    next.push_back({at, 1, 1});
  }
  if (!is_space(byte)) is_over_ = true;
  matches_ = std::move(next);
  return Seen::text;
}

void OpeningTrigger::end_call() {
  matches_.clear();
  behind_ = 0;
  is_behind_call_ = true;
}

size_t OpeningTrigger::pending() const {
  size_t longest = is_behind_call_ ? behind_ : 0;
  for (const Match& match : matches_) longest = std::max(longest, match.bytes);
  return longest;
}

std::string OpeningTrigger::last_bytes() const {
  std::string bytes;
  for (const std::string& text : *openings_)
    if (bytes.find(text.back()) == std::string::npos) bytes += text.back();
  return bytes;
}

}  // namespace caduceus
