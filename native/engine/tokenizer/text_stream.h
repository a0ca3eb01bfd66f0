// Turns the bytes of tokens into text that may be shown: whole code points, and nothing of a stop string.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caduceus {

// Holds back the bytes of a character until it is whole; what can never become one turns into U+FFFD.
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

  // Text that is certain not to belong to a stop string. After a match `matched` is set and nothing comes any more.
  // `waiting`: so many bytes at the end of all that was pushed may yet belong to a call, where no stop string counts.
  std::string push(std::string_view text, size_t waiting = 0);
  // Text of a call, with everything that was held back before it: nothing of it is searched.
  std::string pass(std::string_view text);
  std::string flush();
  const std::optional<std::string>& matched() const { return matched_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> matched_;
};

}  // namespace caduceus
