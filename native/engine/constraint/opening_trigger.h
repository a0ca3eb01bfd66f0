// The lazy grammar trigger of call formats other than Hermes': finds one of several texts, with which calls begin, byte
// by byte and by the rules of the reply parser (src/format/calls/reading/opening_matcher.ts). White space does not
// count where such a text has some, and behind brackets, colons and commas.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "constraint/lazy_grammar_trigger.h"

namespace caduceus {

class OpeningTrigger {
 public:
  using Seen = LazyGrammarTrigger::Seen;

  // `start_openings` count at the beginning of the output only. No text is empty.
  OpeningTrigger(std::vector<std::string> openings, const std::vector<std::string>& start_openings);

  Seen push(char byte);
  // What the call has begun with.
  const std::string& beginning() const { return (*openings_)[found_]; }

  // Called directly after a call.
  void end_call();
  // Number of bytes at the end of the pushed text that may belong to a call.
  size_t pending() const;
  // Whether only white space followed the last call.
  bool is_behind_call() const { return is_behind_call_; }
  // The bytes with which a text may end.
  std::string last_bytes() const;

 private:
  // The beginning of a text.
  struct Match {
    size_t opening;
    size_t matched;  // its bytes
    size_t bytes;    // of the output
  };

  std::shared_ptr<const std::vector<std::string>> openings_;
  std::vector<Match> matches_;
  size_t found_ = 0;
  size_t behind_ = 0;     // bytes of white space after a call
  size_t anywhere_;       // the first ones, which may come anywhere
  bool is_over_ = false;  // the others can no longer begin
  bool is_behind_call_ = false;
};

}  // namespace caduceus
