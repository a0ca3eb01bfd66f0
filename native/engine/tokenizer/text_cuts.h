// Places where a long text may be cut, so that tokenizing its chunks one by one gives the tokens of the whole.
// llama.cpp's std::regex recurses with the length of a match, some 320 bytes of stack for each character.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace caduceus {

// Texts up to this many bytes are never cut: 4 MB of stack at most. A multiple of 3 and of 4,096, for runs of digits
// and spaces.
constexpr size_t longest_chunk = 12'288;

// Number of bytes of `text` to tokenize next: all of a short text. Of a long one, up to the best place near the limit:
// a line's end, a single space, punctuation, or in one long run its last whole character.
size_t next_chunk(std::string_view text, size_t most = longest_chunk);

// Number of bytes of `text` before a run of more than `most` decimal digits; the first digits of such a run are
// included.
size_t before_long_digits(std::string_view text, size_t most);

// Finds which of many strings stands at a place of a text, in time that does not depend on how many there are.
class StringSet {
 public:
  StringSet() = default;
  explicit StringSet(std::vector<std::string> strings);

  bool empty() const { return strings_.empty(); }
  size_t longest() const { return longest_; }
  const std::string& at(size_t index) const { return strings_[index]; }
  size_t size() const { return strings_.size(); }

  // Calls `visit` with the index of each string that `text` begins with, the shortest first.
  template <typename Visit>
  void each_prefix(std::string_view text, Visit visit) const {
    size_t low = 0, high = strings_.size();
    for (size_t depth = 0; depth < text.size() && low < high; ++depth) {
      narrow(low, high, depth, text[depth]);
      // In sorted order, the string that ends here comes before all that continue.
      if (low < high && strings_[low].size() == depth + 1) visit(low);
    }
  }

  // The start of a string that lies across `place`, or `place` where there is none.
  size_t before_straddling(std::string_view text, size_t place) const;

 private:
  void narrow(size_t& low, size_t& high, size_t depth, char c) const;

  std::vector<std::string> strings_;  // sorted
  size_t longest_ = 0;
};

}  // namespace caduceus
