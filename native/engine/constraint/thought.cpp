#include "constraint/thought.h"

#include <algorithm>

namespace caduceus {
namespace {

constexpr std::string_view white_space = " \t\n\r\v\f";

std::string_view without_space(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(white_space), text.size()));
}

// Number of bytes that follow the first one of a character.
size_t following(uint8_t byte) { return byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0; }

}  // namespace

Thought::Thought(const ThoughtSpec& spec, const Tokenizer& tokenizer, bool constrained)
    : tokenizer_(tokenizer), spec_(spec), constrained_(constrained) {
  borders_.assign(spec_.closing.size() + 1, 0);
  for (size_t length = 2; length <= spec_.closing.size(); ++length)
    borders_[length] = advance(borders_[length - 1], spec_.closing[length - 1]);
  if (spec.open) begin();
}

size_t Thought::advance(size_t matched, char byte) const {
  while (matched > 0 && (matched == spec_.closing.size() || spec_.closing[matched] != byte))
    matched = borders_[matched];
  return spec_.closing[matched] == byte ? matched + 1 : 0;
}

bool Thought::could_open(std::string_view opening, std::string_view piece) {
  const std::string_view text = without_space(piece);
  if (text.empty()) return !piece.empty() && piece.size() <= most_spaces;
  for (size_t at = 0; at < opening.size(); ++at) {
    const std::string_view rest = opening.substr(at);
    if (rest.starts_with(piece) || piece.starts_with(rest)) return true;
    // White space stands before the tag only.
    if (at == 0 && (rest.starts_with(text) || text.starts_with(rest))) return true;
  }
  return false;
}

bool Thought::could_run_over(std::string_view closing, std::string_view piece) {
  for (size_t at = piece.find(closing.back()); at != std::string_view::npos; at = piece.find(closing.back(), at + 1))
    if (!without_space(piece.substr(at + 1)).empty()) return true;
  return false;
}

bool Thought::may_begin(std::string_view piece) const {
  const std::string whole = seen_ + std::string(piece);
  const std::string_view text = without_space(whole);
  return whole.size() - text.size() <= most_spaces &&
         (spec_.opening.starts_with(text) || text.starts_with(spec_.opening));
}

bool Thought::runs_over(std::string_view piece) const {
  size_t matched = matched_;
  for (size_t at = 0; at < piece.size(); ++at) {
    matched = advance(matched, piece[at]);
    if (matched == spec_.closing.size()) return !without_space(piece.substr(at + 1)).empty();
  }
  return false;
}

bool Thought::takes_space(std::string_view piece) const {
  return !piece.empty() && piece.size() <= spaces_ && without_space(piece).empty();
}

void Thought::push(std::string_view piece) {
  switch (state_) {
    case State::possible: {
      seen_ += piece;
      const std::string_view text = without_space(seen_);
      if (!text.starts_with(spec_.opening)) return;
      begin();
      if (state_ == State::inside) read(text.substr(spec_.opening.size()));
      return;
    }
    case State::inside: {
      ++tokens_;
      const std::string_view rest = read(piece);
      if (state_ == State::ended) spaces_ -= std::min(rest.size(), spaces_);
      return;
    }
    case State::closing:
      if (++closed_ < closing_.size()) return;
      state_ = State::ended;
      spaces_ = 0;
      return;
    case State::ended:
      spaces_ -= piece.size();
  }
}

void Thought::begin() {
  state_ = State::inside;
  close_if_used_up();
}

std::string_view Thought::read(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    const auto unit = static_cast<uint8_t>(byte);
    missing_ = unit >= 0xC0 ? following(unit) : unit >= 0x80 && missing_ > 0 ? missing_ - 1 : 0;
    is_new_line_ = byte == '\n';
    matched_ = advance(matched_, byte);
    if (matched_ < spec_.closing.size()) continue;
    if (constrained_ && !spec_.answer.empty())
      close(spec_.answer);
    else
      state_ = State::ended;
    return text.substr(at + 1);
  }
  close_if_used_up();
  return {};
}

// Never inside a character that has several tokens.
void Thought::close_if_used_up() {
  if (!spec_.max_tokens || tokens_ < *spec_.max_tokens || missing_ > 0) return;
  const std::string_view end = spec_.end;
  close(std::string(is_new_line_ && end.starts_with('\n') ? end.substr(1) : end));
}

void Thought::close(const std::string& text) {
  state_ = State::closing;
  closing_ = tokenizer_.tokenize_inside(text);
  closed_ = 0;
}

}  // namespace caduceus
