#include "tokenizer/text_stream.h"

#include <algorithm>
#include <cstdint>

namespace caduceus {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// How many bytes at `at` form a character: its length; 0 when more bytes are needed; a negative count of bytes that
// can never be one (the maximal subpart, as WHATWG decoders count it).
int classify(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = byte(at);
  if (lead < 0x80) return 1;
  int length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF)
    length = 2;
  else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else
    return -1;
  for (int i = 1; i < length; ++i) {
    if (at + static_cast<size_t>(i) >= bytes.size()) return 0;
    const uint8_t next = byte(at + static_cast<size_t>(i));
    if (next < low || next > high) return -i;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

}  // namespace

std::string Utf8Assembler::push(std::string_view bytes) {
  held_ += bytes;
  std::string out;
  size_t at = 0;
  while (at < held_.size()) {
    const int length = classify(held_, at);
    if (length == 0) break;
    if (length > 0) {
      out.append(held_, at, static_cast<size_t>(length));
      at += static_cast<size_t>(length);
    } else {
      out += replacement;
      at += static_cast<size_t>(-length);
    }
  }
  held_.erase(0, at);
  return out;
}

std::string Utf8Assembler::flush() {
  if (held_.empty()) return {};
  held_.clear();
  return std::string(replacement);
}

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) { std::erase(stops_, ""); }

std::string StopMatcher::push(std::string_view text, size_t waiting) {
  if (matched_) return {};
  if (stops_.empty()) return std::string(text);
  held_ += text;
  const std::string_view searched = std::string_view(held_).substr(0, held_.size() - std::min(waiting, held_.size()));
  size_t first = std::string::npos;
  const std::string* stop = nullptr;
  for (const std::string& candidate : stops_) {
    const size_t found = searched.find(candidate);
    if (found < first) first = found, stop = &candidate;
  }
  if (stop) {
    matched_ = *stop;
    std::string out(searched.substr(0, first));
    held_.clear();
    return out;
  }
  // Keep the longest end that begins some stop string.
  size_t keep = 0;
  for (const std::string& candidate : stops_) {
    for (size_t length = std::min(candidate.size() - 1, searched.size()); length > keep; --length) {
      if (searched.ends_with(std::string_view(candidate).substr(0, length))) keep = length;
    }
  }
  std::string out(searched.substr(0, searched.size() - keep));
  held_.erase(0, out.size());
  return out;
}

std::string StopMatcher::pass(std::string_view text) {
  if (matched_) return {};
  std::string out = flush();
  out += text;
  return out;
}

std::string StopMatcher::flush() {
  std::string out = std::move(held_);
  held_.clear();
  return out;
}

}  // namespace caduceus
