#include "tokenizer/text_cuts.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace caduceus {
namespace {

uint8_t byte_at(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }
bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_alnum(uint8_t c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }
bool is_inside_character(uint8_t c) { return (c & 0xC0) == 0x80; }

// Whether there is no white space at `at`; that of Unicode lies in U+0085..00A0, U+1680, U+2000..205F and U+3000.
bool is_ink(std::string_view text, size_t at) {
  const uint8_t c = byte_at(text, at);
  if (c < 0x80) return c > ' ' && c != 0x7F;
  return c > 0xC2 && c != 0xE1 && c != 0xE2 && !(c == 0xE3 && at + 1 < text.size() && byte_at(text, at + 1) == 0x80);
}

// A CJK comma or full stop, or their wide forms.
bool is_cjk_stop(std::string_view text, size_t at) {
  const std::string_view three = text.substr(at, 3);
  return three == "、" || three == "。" || three == "，" || three == "！" || three == "？" || three == "：" ||
         three == "；";
}

constexpr int best_rank = 0;
constexpr int no_rank = 5;

// Rates a cut before `at`: the lower, the more certainly the tokens of both sides stay the same. Pre-tokenizers end a
// word at each of these places, and SentencePiece has no token across them.
int rank_of(std::string_view text, size_t at) {
  const uint8_t before = byte_at(text, at - 1);
  const uint8_t after = byte_at(text, at);
  if (is_inside_character(after)) return no_rank;
  // After a single newline between two lines whose adjacent characters are not white space.
  if (before == '\n')
    return at >= 2 && !is_space(byte_at(text, at - 2)) && is_ink(text, at) && (is_alnum(after) || after >= 0x80)
               ? best_rank
               : no_rank;
  if (after == ' ') {
    if (is_space(before) || before >= 0x80 || at + 1 >= text.size() || !is_ink(text, at + 1)) return no_rank;
    return is_alnum(before) ? 2 : 1;
  }
  if (is_alnum(before) &&
      (std::string_view(",.)(|!?").find(static_cast<char>(after)) != std::string_view::npos || is_cjk_stop(text, at)))
    return 3;
  if (is_cjk_stop(text, at) && before >= 0x80 && at >= 3 && !is_cjk_stop(text, at - 3)) return 3;
  if (is_alnum(before) && after > ' ' && after < 0x7F && after != '\'' && !is_alnum(after)) return 4;
  return no_rank;
}

}  // namespace

size_t next_chunk(std::string_view text, size_t most) {
  if (text.size() <= most) return text.size();
  size_t best = 0;
  int rank = no_rank;
  for (size_t at = most; at > most - most / 3 && rank > best_rank; --at) {
    const int here = rank_of(text, at);
    if (here < rank) rank = here, best = at;
  }
  if (rank < no_rank) return best;
  size_t end = most;
  while (end > 1 && is_inside_character(byte_at(text, end))) --end;
  return end;
}

size_t before_long_digits(std::string_view text, size_t most) {
  size_t run = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    run = text[at] >= '0' && text[at] <= '9' ? run + 1 : 0;
    if (run > most) return at;
  }
  return text.size();
}

StringSet::StringSet(std::vector<std::string> strings) : strings_(std::move(strings)) {
  std::erase(strings_, std::string());
  std::sort(strings_.begin(), strings_.end());
  strings_.erase(std::unique(strings_.begin(), strings_.end()), strings_.end());
  for (const std::string& string : strings_) longest_ = std::max(longest_, string.size());
}

void StringSet::narrow(size_t& low, size_t& high, size_t depth, char c) const {
  const auto begin = strings_.begin();
  // All strings in the range share their first `depth` bytes; those that end there come first.
  const auto unit = [depth](const std::string& string) {
    return string.size() > depth ? static_cast<uint8_t>(string[depth]) : -1;
  };
  const int wanted = static_cast<uint8_t>(c);
  const auto first =
      std::partition_point(begin + static_cast<std::ptrdiff_t>(low), begin + static_cast<std::ptrdiff_t>(high),
                           [&](const std::string& string) { return unit(string) < wanted; });
  const auto last = std::partition_point(first, begin + static_cast<std::ptrdiff_t>(high),
                                         [&](const std::string& string) { return unit(string) <= wanted; });
  low = static_cast<size_t>(first - begin);
  high = static_cast<size_t>(last - begin);
}

size_t StringSet::before_straddling(std::string_view text, size_t place) const {
  for (size_t at = place - std::min(place, longest_ > 0 ? longest_ - 1 : 0); at < place; ++at) {
    bool straddles = false;
    each_prefix(text.substr(at), [&](size_t index) { straddles |= at + strings_[index].size() > place; });
    if (straddles) return at;
  }
  return place;
}

}  // namespace caduceus
