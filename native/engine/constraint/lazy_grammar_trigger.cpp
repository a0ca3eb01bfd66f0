#include "constraint/lazy_grammar_trigger.h"

#include <algorithm>
#include <array>

namespace caduceus {
namespace {

// Longer tags are text for the parser.
constexpr size_t longest_attributes = 1024;
constexpr size_t longest_language = 24;
// The parser waits for a bare call up to here.
constexpr size_t longest_before_bare = 48;

bool is_ascii_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// UTF-8 of the white space that the parser skips: no-break space, byte order mark and others.
constexpr std::array<std::string_view, 19> wide_spaces = {
    "\xC2\xA0",     "\xEF\xBB\xBF", "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
    "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
    "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

// Tags around a model's reasoning.
struct Thought {
  std::string_view opening;
  std::string_view closing;
};
constexpr std::array<Thought, 2> thoughts = {{{"<think>", "</think>"}, {"<thinking>", "</thinking>"}}};
constexpr std::string_view pad_opening = "<scratch_pad>";
constexpr std::string_view pad_closing = "</scratch_pad>";

bool begins_wide_space(std::string_view bytes) {
  return std::any_of(wide_spaces.begin(), wide_spaces.end(),
                     [&](std::string_view space) { return space.starts_with(bytes); });
}

}  // namespace

LazyGrammarTrigger::LazyGrammarTrigger(const std::string& tag) : name_(tag.substr(0, tag.size() - 1)) {}

void LazyGrammarTrigger::reset(State state) {
  state_ = state;
  seen_.clear();
  wide_.clear();
  length_ = ticks_ = language_ = 0;
  behind_fence_ = bare_ = newline_ = false;
}

void LazyGrammarTrigger::think(std::string_view closing) {
  reset(State::thought);
  closing_ = closing;
}

void LazyGrammarTrigger::end_call(bool bare) {
  reset(bare ? State::behind_tag : State::behind_call);
  bare_ = bare;
  pending_ = 0;
  last_ = '>';
}

LazyGrammarTrigger::Seen LazyGrammarTrigger::push(char byte) {
  ++pending_;
  const Seen seen = step(byte);
  if (state_ == State::text || state_ == State::thought) pending_ = 0;
  last_ = byte;
  return seen;
}

// What was read is text, except a "<" that begins another tag: no tag's name contains one. White space after a call
// still waits for what follows that tag.
LazyGrammarTrigger::Seen LazyGrammarTrigger::restart(char byte) {
  const bool keeps_waiting = is_behind_call();
  reset(State::text);
  if (byte != '<') return Seen::text;
  state_ = State::name;
  seen_ = "<";
  is_quoted_ = last_ == '`';
  if (!keeps_waiting) pending_ = 1;
  return Seen::text;
}

LazyGrammarTrigger::Seen LazyGrammarTrigger::step(char byte) {
  switch (state_) {
    case State::text:
      return restart(byte);
    case State::name:
      return name(byte);
    case State::attributes:
      if (byte == '>') return reset(State::behind_tag), Seen::text;
      if (byte == '<' || byte == '{' || byte == '}' || ++length_ > longest_attributes) return restart(byte);
      return Seen::text;
    case State::behind_tag:
    case State::behind_call:
      if (!wide_.empty() || static_cast<unsigned char>(byte) >= 0x80)
        return take_wide(byte) ? Seen::text : restart(byte);
      if (state_ == State::behind_tag) return behind_tag(byte);
      return is_ascii_space(byte) ? Seen::text : restart(byte);
    case State::thought:
      break;
  }
  if (byte != closing_[seen_.size()])
    seen_ = byte == '<' ? "<" : "";
  else if ((seen_ += byte) == closing_)
    reset(State::text);
  return Seen::text;
}

LazyGrammarTrigger::Seen LazyGrammarTrigger::name(char byte) {
  if (seen_ == name_) {
    if (byte == '>') return reset(State::behind_tag), Seen::text;
    // Attributes begin with white space, so <tool_calls> is another tag.
    if (!is_ascii_space(byte) && !begins_wide_space(std::string_view(&byte, 1))) return restart(byte);
    state_ = State::attributes;
    return Seen::text;
  }
  seen_ += byte;
  bool fits = name_.starts_with(seen_);
  for (const Thought& thought : thoughts) {
    if (is_quoted_) break;
    if (seen_ == thought.opening) return think(thought.closing), Seen::text;
    fits |= thought.opening.starts_with(seen_);
  }
  for (const std::string_view pad : {pad_opening, pad_closing}) {
    if (seen_ == pad) return in_pad_ = pad == pad_opening, reset(State::text), Seen::text;
    fits |= pad.starts_with(seen_);
  }
  return fits ? Seen::text : restart(byte);
}

bool LazyGrammarTrigger::take_wide(char byte) {
  wide_ += byte;
  if (!begins_wide_space(wide_)) return false;
  if (std::find(wide_spaces.begin(), wide_spaces.end(), wide_) != wide_spaces.end()) wide_.clear();
  return true;
}

LazyGrammarTrigger::Seen LazyGrammarTrigger::behind_tag(char byte) {
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
  const bool word = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                    byte == '_' || byte == '+' || byte == '-';
  if (word && ticks_ >= 3 && !behind_fence_ && ++language_ <= longest_language) return Seen::text;
  return restart(byte);
}

}  // namespace caduceus
