// Tokenizes a prompt one chunk at a time, so that the caller can stop or do something else in between. One thread at
// a time, with a large stack.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "scheduler/request.h"

namespace caduceus {

class Tokenizer;

class Tokenization {
 public:
  // `previous` is the last token before the prompt, if it continues something. Keeps a pointer to the tokenizer.
  Tokenization(const Tokenizer& tokenizer, std::vector<PromptPart> parts, std::optional<Token> previous);

  // Tokenizes for some milliseconds; false when nothing is left. Throws INVALID_ARGUMENT for token ids that the model
  // does not have.
  bool step();
  std::vector<Token> take() { return std::move(out_); }
  // Tokens so far.
  size_t size() const { return out_.size(); }

 private:
  bool begin_part();
  size_t read_chunk();
  void append(std::string_view piece, bool continues);
  bool continues() const;
  bool is_doubled(Token token) const;

  const Tokenizer& tokenizer_;
  std::vector<PromptPart> given_;  // until the first step
  std::vector<PromptPart> parts_;
  std::optional<Token> previous_;
  std::vector<Token> out_;
  size_t part_ = 0;
  bool first_;  // nothing but BOS so far

  // The current text; neighboring text parts are joined.
  std::string text_;
  size_t at_ = 0;
  bool is_control_ = false;  // special tokens in it become those tokens
  bool after_marker_ = false;

  // Cache of short pieces between markers, which repeat: each call of llama.cpp may compile regular expressions.
  std::unordered_map<std::string, std::vector<Token>> known_;
};

}  // namespace caduceus
