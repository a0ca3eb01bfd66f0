// The lazy grammar trigger: detects in free text where a tool call begins (an opening tag, white space and `{`), byte
// by byte and by the rules of the reply parser (src/format/hermes: opened_tag.ts, reply_scanner.ts). Text inside
// <think> never contains calls. Knows nothing of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace caduceus {

class LazyGrammarTrigger {
 public:
  // `tag` ends with ">"; attributes may stand before that.
  explicit LazyGrammarTrigger(const std::string& tag);

  enum class Seen {
    text,     // nothing yet
    call,     // a call begins with this byte
    refused,  // the parser would see a call in a form that is not allowed here: a list or a code fence
  };
  Seen push(char byte);

  // Called directly after a call. With `bare`, a newline and `{` begin the next one without a tag.
  void end_call(bool bare);

  // Number of bytes at the end of the pushed text that may belong to a call: its tag, or white space between two calls.
  size_t pending() const { return pending_; }
  // Whether only white space followed the last call.
  bool is_behind_call() const { return state_ == State::behind_call || bare_; }
  // Whether a scratch pad is open: whether its calls count is known when it ends.
  bool in_pad() const { return in_pad_; }

 private:
  enum class State : uint8_t { text, name, attributes, behind_tag, behind_call, thought };

  void reset(State state);
  Seen step(char byte);
  Seen restart(char byte);
  Seen name(char byte);
  Seen behind_tag(char byte);
  void think(std::string_view closing);
  // Consumes a byte of non-ASCII white space; false for any other byte.
  bool take_wide(char byte);

  std::string name_;  // "<tool_call"
  State state_ = State::text;
  std::string seen_;          // of a tag's name, or of the tag that ends a thought
  std::string_view closing_;  // that tag
  size_t length_ = 0;         // bytes of attributes, or before a bare call
  size_t pending_ = 0;
  std::string wide_;     // bytes of white space beyond ASCII
  size_t ticks_ = 0;     // of a code fence,
  size_t language_ = 0;  // whose language has so many letters
  bool behind_fence_ = false;
  bool bare_ = false;
  bool newline_ = false;
  bool in_pad_ = false;
  bool is_quoted_ = false;  // a back-tick stands before the tag that is being read: it is only talked about
  char last_ = '\n';
};

}  // namespace caduceus
