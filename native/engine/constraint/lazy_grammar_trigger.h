// Sees in free text where a tool call begins, byte by byte: an opening tag, white space and `{`, by the rules of the
// reply parser (src/format/hermes: opened_tag.ts, reply_scanner.ts). What stands in <think> is no call, whatever it
// looks like. Knows nothing of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace caduceus {

class LazyGrammarTrigger {
 public:
  // `tag` ends with ">"; before it attributes may stand. `reasoning`: the text begins inside <think>, which the prompt
  // opened.
  explicit LazyGrammarTrigger(std::string tag, bool reasoning = false);

  enum class Seen {
    text,     // nothing yet
    call,     // a call begins with this byte
    refused,  // what the parser would take for a call, though it is none that may be written: a list or a code fence
  };
  Seen push(char byte);

  // Directly after a call. `bare`: a newline and `{` are the next one, without a tag.
  void end_call(bool bare);

  // So many bytes at the end of what was pushed may yet belong to a call: its tag, or white space between two calls.
  size_t pending() const { return pending_; }
  // Nothing but white space followed the last call.
  bool is_behind_call() const { return state_ == State::behind_call || bare_; }
  // A scratch pad is open: whether its calls count shows only when it ends.
  bool in_pad() const { return in_pad_; }

 private:
  enum class State : uint8_t { text, name, attributes, behind_tag, behind_call, thought };

  void reset(State state);
  Seen step(char byte);
  Seen restart(char byte);
  Seen name(char byte);
  Seen behind_tag(char byte);
  void think(std::string_view closing);
  // Of the white space beyond ASCII; a byte that belongs to none is not taken.
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
