#include "call_trigger.h"

#include <algorithm>
#include <array>

namespace caduceus {
namespace {

// The parser gives up a tag that is longer.
constexpr size_t longest_attributes = 1024;
constexpr size_t longest_language = 24;
// The parser waits for a bare call no longer.
constexpr size_t longest_before_bare = 48;

bool is_ascii_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// UTF-8 of the white space that the parser passes over: no-break space, byte order mark and their like.
constexpr std::array<std::string_view, 19> wide_spaces = {
    "\xC2\xA0",     "\xEF\xBB\xBF", "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

bool begins_wide_space(std::string_view bytes) {
  return std::any_of(wide_spaces.begin(), wide_spaces.end(), [&](std::string_view space) { return space.starts_with(bytes); });
}

}  // namespace

CallTrigger::Seen CallTrigger::restart(char byte) {
  reset(State::text);
  // No tag's name holds a second "<", so what did not fit can only begin a new one.
  if (byte == name_.front()) state_ = State::name, matched_ = 1;
  return Seen::text;
}

CallTrigger::Seen CallTrigger::push(char byte) {
  switch (state_) {
    case State::text: return restart(byte);
    case State::name:
      if (matched_ < name_.size()) {
        if (byte != name_[matched_]) return restart(byte);
        ++matched_;
        return Seen::text;
      }
      if (byte == '>') return reset(State::behind_tag), Seen::text;
      // Attributes begin with white space: <tool_calls> is another tag.
      if (!is_ascii_space(byte) && !begins_wide_space(std::string_view(&byte, 1))) return restart(byte);
      state_ = State::attributes;
      return Seen::text;
    case State::attributes:
      if (byte == '>') return reset(State::behind_tag), Seen::text;
      if (byte == '<' || byte == '{' || byte == '}' || ++length_ > longest_attributes) return restart(byte);
      return Seen::text;
    case State::behind_tag: break;
  }
  if (!pending_.empty() || static_cast<unsigned char>(byte) >= 0x80) {
    pending_ += byte;
    if (!begins_wide_space(pending_)) return restart(byte);
    if (std::find(wide_spaces.begin(), wide_spaces.end(), pending_) != wide_spaces.end()) pending_.clear();
    return Seen::text;
  }
  return behind_tag(byte);
}

CallTrigger::Seen CallTrigger::behind_tag(char byte) {
  if (bare_ && ++length_ > longest_before_bare) return restart(byte);
  if (is_ascii_space(byte)) {
    newline_ |= byte == '\n';
    if (ticks_ == 1 || ticks_ == 2) return restart(byte);
    behind_fence_ = ticks_ > 0;
    return Seen::text;
  }
  if (byte == '{' && ticks_ == 0 && (!bare_ || newline_)) return reset(State::text), Seen::call;
  if (bare_) return restart(byte);
  if ((byte == '{' || byte == '[') && (ticks_ == 0 || ticks_ >= 3)) return Seen::refused;
  if (byte == '`' && language_ == 0 && !behind_fence_) return ++ticks_, Seen::text;
  const bool word = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '+' || byte == '-';
  if (word && ticks_ >= 3 && !behind_fence_ && ++language_ <= longest_language) return Seen::text;
  return restart(byte);
}

}  // namespace caduceus
