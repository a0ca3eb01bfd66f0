// Turns the bytes of tokens into text that may be shown: whole code points, and nothing of a stop string.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caduceus {

// Holds back the bytes of a character until it is complete; invalid bytes become U+FFFD.
class Utf8Assembler {
 public:
  std::string push(std::string_view bytes);
  std::string flush();

 private:
  std::string held_;
};

// Holds back text that may be the beginning of a stop string.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);

  // Returns text that cannot belong to a stop string. After a match, `matched` is set and no more text comes.
  // `waiting`: number of bytes at the end that may belong to a call, where stop strings do not apply.
  std::string push(std::string_view text, size_t waiting = 0);
  // Returns the text of a call, after everything that was held back; stop strings are not searched in it.
  std::string pass(std::string_view text);
  std::string flush();
  const std::optional<std::string>& matched() const { return matched_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> matched_;
};

}  // namespace caduceus
