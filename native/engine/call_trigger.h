// Sees in free text where a tool call begins, byte by byte: an opening tag, white space and `{`, by the rules of the
// reply parser (src/format/hermes/opened_tag.ts). Knows nothing of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace caduceus {

class CallTrigger {
 public:
  // `tag` ends with ">"; before it attributes may stand.
  explicit CallTrigger(std::string tag) : name_(tag.substr(0, tag.size() - 1)) {}

  enum class Seen {
    text,     // nothing yet
    call,     // a call begins with this byte
    refused,  // what the parser would take for a call, though it is none that may be written: a list or a code fence
  };
  Seen push(char byte);

  // Directly after a call: a newline and `{` are the next one, without a tag.
  void expect_bare_call() { reset(State::behind_tag); bare_ = true; }

 private:
  enum class State : uint8_t { text, name, attributes, behind_tag };

  void reset(State state) {
    state_ = state;
    matched_ = 0;
    length_ = 0;
    pending_.clear();
    ticks_ = language_ = 0;
    behind_fence_ = bare_ = newline_ = false;
  }
  Seen restart(char byte);
  Seen behind_tag(char byte);

  std::string name_;    // "<tool_call"
  State state_ = State::text;
  size_t matched_ = 0;  // bytes of the name
  size_t length_ = 0;   // bytes of attributes, or before a bare call
  std::string pending_;  // bytes of white space beyond ASCII
  size_t ticks_ = 0;     // of a code fence,
  size_t language_ = 0;  // whose language has so many letters
  bool behind_fence_ = false;
  bool bare_ = false;
  bool newline_ = false;
};

}  // namespace caduceus
