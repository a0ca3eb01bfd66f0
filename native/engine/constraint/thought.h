// The thought at the beginning of an output: text up to its closing tag, in which nothing is constrained. After its
// maximum number of tokens its end is forced. Engine thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/request.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

class Thought {
 public:
  // `constrained`: the answer's beginning is forced, where the tags have one.
  Thought(const ThoughtSpec& spec, const Tokenizer& tokenizer, bool constrained);

  enum class State : uint8_t {
    possible,  // nothing but the beginning of the opening tag and white space before it was generated
    inside,
    closing,  // the end, or the answer's beginning, is forced
    ended,    // white space may follow before the answer
  };
  State state() const { return state_; }

  // In `possible`: whether the output may still begin with the opening tag if this text comes next.
  bool may_begin(std::string_view piece) const;
  // In `inside`: whether this text ends the thought and goes on with more than white space.
  bool runs_over(std::string_view piece) const;
  // In `closing`: tokens that come next.
  std::span<const Token> closing() const { return std::span(closing_).subspan(closed_); }
  // In `ended`: whether this text is white space that may follow.
  bool takes_space(std::string_view piece) const;
  bool may_take_space() const { return spaces_ > 0; }

  // Takes a token that the current state allows.
  void push(std::string_view piece);

  const std::string& opening() const { return spec_.opening; }
  const std::string& closing_tag() const { return spec_.closing; }
  // Whether a token with this text could be among the first ones of a thought.
  static bool could_open(std::string_view opening, std::string_view piece);
  // Whether a token with this text could end a thought and go on with more than white space.
  static bool could_run_over(std::string_view closing, std::string_view piece);

 private:
  void begin();
  void close(const std::string& text);
  void close_if_used_up();
  // Takes text inside the thought; returns what follows its end.
  std::string_view read(std::string_view text);
  // Matches the closing tag by one byte.
  size_t advance(size_t matched, char byte) const;

  const Tokenizer& tokenizer_;
  const ThoughtSpec spec_;
  const bool constrained_;
  std::vector<size_t> borders_;  // for each length of the closing tag's beginning: what it begins and ends with
  State state_ = State::possible;
  std::string seen_;             // in `possible`: all of the output
  uint32_t tokens_ = 0;          // number of tokens inside
  size_t matched_ = 0;           // bytes of the closing tag at the end of the text
  size_t missing_ = 0;           // bytes of the last character that have not come yet
  bool is_new_line_ = true;      // the text ends with a newline
  size_t spaces_ = most_spaces;  // bytes of white space that may follow
  std::vector<Token> closing_;
  size_t closed_ = 0;  // number of `closing_` tokens that have been generated

  static constexpr size_t most_spaces = 8;
};

}  // namespace caduceus
