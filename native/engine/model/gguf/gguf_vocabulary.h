// Whether the texts of a vocabulary can be those of a model: llama.cpp's tokenizers abort, do not end, or take memory
// by the square of a text's length with some. Told of one token after the other.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <unordered_set>

namespace caduceus {

class VocabularyCheck {
 public:
  // The largest there are have 262,144.
  static constexpr uint64_t max_tokens = 1 << 20;

  // Both give what is wrong, as the end of a sentence that begins with the file's name; empty when nothing is.
  std::string add(const std::string& text);
  // `pre_tokenizer`: empty where the file names none.
  std::string wrong(const std::string& tokenizer, const std::string& pre_tokenizer) const;

  void add_type(int32_t type);

 private:
  std::unordered_set<std::string> seen_;
  uint64_t squares_ = 0;  // of the texts' lengths, added up
  uint64_t special_ = 0;
  std::bitset<256> bytes_;  // that are tokens, as RWKV's vocabularies write them
  bool has_newline_byte_ = false;
};

}  // namespace caduceus
