#include "model/gguf/gguf_vocabulary.h"

#include <optional>

#include "llama.h"

namespace caduceus {
namespace {

// The longest that are known have 512.
constexpr size_t max_token_bytes = 4096;
constexpr uint64_t max_squares = 1ull << 28;
// Every text is searched for each of them. Models of speech have up to 70,000.
constexpr uint64_t max_special = 1 << 17;

// The byte that a token of RWKV's stands for where it is a single one: "a", "\n", "\\", "\xff".
std::optional<uint8_t> single_byte(const std::string& text) {
  if (text.size() == 1 && text[0] != '\\') return static_cast<uint8_t>(text[0]);
  if (text.size() == 2 && text[0] == '\\' && text[1] != 'x') {
    switch (text[1]) {
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      default:
        return static_cast<uint8_t>(text[1]);
    }
  }
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  if (text.size() != 4 || text[0] != '\\' || text[1] != 'x' || digit(text[2]) < 0 || digit(text[3]) < 0)
    return std::nullopt;
  return static_cast<uint8_t>(16 * digit(text[2]) + digit(text[3]));
}

}  // namespace

std::string VocabularyCheck::add(const std::string& text) {
  const std::string which = "token " + std::to_string(seen_.size()) + " of its vocabulary ";
  if (text.size() > max_token_bytes) return "is corrupt: " + which + "has " + std::to_string(text.size()) + " bytes";
  squares_ += uint64_t{text.size()} * text.size();
  if (squares_ > max_squares) return "is corrupt: the tokens of its vocabulary are too long";
  if (text == "<0x0A>") has_newline_byte_ = true;
  if (const auto byte = single_byte(text)) bytes_.set(*byte);
  // llama.cpp maps texts to ids and asserts that there are as many of one as of the other.
  if (!seen_.insert(text).second) return "is corrupt: " + which + "has the same text as an earlier one";
  return {};
}

void VocabularyCheck::add_type(int32_t type) {
  if (type == LLAMA_TOKEN_TYPE_CONTROL || type == LLAMA_TOKEN_TYPE_USER_DEFINED || type == LLAMA_TOKEN_TYPE_UNKNOWN)
    ++special_;
}

std::string VocabularyCheck::wrong(const std::string& tokenizer, const std::string& pre_tokenizer) const {
  if (special_ > max_special)
    return "has " + std::to_string(special_) + " special tokens; more than " + std::to_string(max_special) +
           " are not read";
  if (tokenizer == "llama" && !has_newline_byte_) return "is corrupt: its vocabulary has no token for a newline";
  // Where a text begins like a token and goes on otherwise, this tokenizer takes what matched so far; without a token
  // for the first byte that is nothing, again and again.
  if (tokenizer == "rwkv" && !bytes_.all()) return "is corrupt: its vocabulary has no token for some bytes";
  // It leaves spaces as they are, and llama.cpp asserts that no two parts of a word have one.
  if (pre_tokenizer == "whitespace")
    return "has the pre-tokenizer whitespace, with which llama.cpp cannot read two spaces in a row";
  return {};
}

}  // namespace caduceus
