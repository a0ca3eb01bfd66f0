#include "template/values/text.h"

#include <algorithm>

#include "template/meter.h"
#include "unicode-data.h"
#include "unicode.h"

namespace caduceus::templates {

Text::~Text() {
  if (accounted_ > 0) Meter::release(accounted_);
}

void Text::account(size_t more) {
  if (Meter::hold(more)) accounted_ += more;
}

void Text::append(std::string_view bytes, bool input) {
  if (bytes.empty()) return;
  account(bytes.size());
  if (bytes_.empty()) {
    flips_.clear();
    first_is_input_ = input;
  } else if (input != last_is_input()) {
    flips_.push_back(bytes_.size());
  }
  bytes_ += bytes;
}

void Text::append_range(const Text& other, size_t from, size_t to) {
  if (&other == this) {
    const Text copy(other);
    return append_range(copy, from, to);
  }
  other.visit_range(from, to, [&](std::string_view run, bool input) { append(run, input); });
}

Text Text::range(size_t from, size_t to) const {
  Text result;
  result.append_range(*this, from, to);
  return result;
}

bool is_ascii(std::string_view bytes) {
  for (const char c : bytes)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

size_t count_characters(std::string_view bytes) {
  size_t count = 0;
  for (const char c : bytes) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

uint32_t next_character(std::string_view bytes, size_t& at) {
  const auto byte = [&](size_t index) { return static_cast<unsigned char>(bytes[index]); };
  const uint32_t first = byte(at++);
  size_t further = first >= 0xF0 && first < 0xF8 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  if (first >= 0xF8) further = 0;
  if (further == 0) return first;
  uint32_t character = first & (0x3Fu >> further);
  for (; further > 0 && at < bytes.size() && (byte(at) & 0xC0) == 0x80; --further)
    character = (character << 6) | (byte(at++) & 0x3Fu);
  return character;
}

void append_character(std::string& bytes, uint32_t character) {
  if (character < 0x80) {
    bytes += static_cast<char>(character);
    return;
  }
  const int further = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  bytes += static_cast<char>((further == 1 ? 0xC0 : further == 2 ? 0xE0 : 0xF0) | (character >> (6 * further)));
  for (int shift = 6 * (further - 1); shift >= 0; shift -= 6)
    bytes += static_cast<char>(0x80 | ((character >> shift) & 0x3F));
}

std::vector<size_t> character_offsets(std::string_view bytes) {
  std::vector<size_t> offsets;
  for (size_t at = 0; at < bytes.size(); ++at)
    if ((static_cast<unsigned char>(bytes[at]) & 0xC0) != 0x80) offsets.push_back(at);
  offsets.push_back(bytes.size());
  return offsets;
}

bool is_space(uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_printable(uint32_t c) {
  if (c < 0x7F) return c >= 0x20;
  const auto flags = unicode_cpt_flags_from_cpt(c);
  return !(flags.is_undefined || flags.is_separator || flags.is_control);
}

namespace {

uint32_t mapped(const std::initializer_list<std::pair<uint32_t, uint32_t>>& sorted, uint32_t c) {
  const auto* it = std::lower_bound(sorted.begin(), sorted.end(), c,
                                    [](const auto& pair, uint32_t key) { return pair.first < key; });
  return it == sorted.end() || it->first != c ? c : it->second;
}

}  // namespace

uint32_t to_upper(uint32_t c) {
  return c < 0x80 ? (c >= 'a' && c <= 'z' ? c - 32 : c) : mapped(unicode_map_uppercase, c);
}
uint32_t to_lower(uint32_t c) {
  return c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c) : mapped(unicode_map_lowercase, c);
}
bool is_upper(uint32_t c) { return to_lower(c) != c; }
bool is_lower(uint32_t c) { return to_upper(c) != c; }
bool is_letter(uint32_t c) {
  return c < 0x80 ? (to_lower(c) >= 'a' && to_lower(c) <= 'z') : unicode_cpt_flags_from_cpt(c).is_letter;
}
bool is_digit(uint32_t c) { return c >= '0' && c <= '9'; }

Text map_characters(const Text& text, const std::function<uint32_t(uint32_t)>& map) {
  Text result;
  text.each_run([&](std::string_view run, bool input) {
    std::string mapped;
    for (size_t at = 0; at < run.size();) append_character(mapped, map(next_character(run, at)));
    result.append(mapped, input);
  });
  return result;
}

}  // namespace caduceus::templates
