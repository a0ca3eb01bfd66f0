// Prompt parts to tokens and tokens to text, by the rules of hermes.md: one BOS, and what a caller typed is never markup.
// Immutable after construction: any thread.
#pragma once

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "llama.h"
#include "request.h"

namespace caduceus {

class Tokenizer {
 public:
  // Takes long for a vocabulary with much markup, so not on the event loop; throws CANCELLED once `cancelled` is set.
  explicit Tokenizer(const llama_vocab* vocab, const std::atomic<bool>* cancelled = nullptr);

  // A whole prompt, or its continuation after `previous` (the last token before it).
  std::vector<Token> tokenize(std::span<const PromptPart> parts, std::optional<Token> previous = std::nullopt) const;

  // Text that the model writes after other text: markup that is a token of its own may be that token.
  std::vector<Token> tokenize_inside(const std::string& text) const;

  // The bytes of one token; they may end inside a character. Control tokens are empty unless `special`.
  std::string piece(Token token, bool special = false) const;
  // Of each, control tokens written out.
  std::vector<std::string> pieces(std::span<const Token> tokens) const;
  std::string detokenize(std::span<const Token> tokens, bool special) const;

  bool is_token(int64_t id) const { return id >= 0 && id < size_; }
  int32_t size() const { return static_cast<int32_t>(size_); }
  bool is_end_of_generation(Token token) const { return llama_vocab_is_eog(vocab_, token); }

  std::span<const Token> ends_of_generation() const { return ends_of_generation_; }

  // No token is longer, so a text of n bytes has at least n / this many tokens.
  size_t longest_piece() const { return longest_piece_; }

 private:
  // A token of type USER_DEFINED that looks like markup. llama.cpp matches these even in plain text, so text is cut
  // inside them, at the place where the two halves tokenise as the whole would.
  struct Marker {
    std::string text;
    size_t cut = 0;
  };

  size_t best_cut(const std::string& marker) const;
  void append_text(std::vector<Token>& out, const std::string& text, bool continues) const;
  void append_plain(std::vector<Token>& out, const std::string& text, bool continues) const;
  std::vector<Token> raw(const std::string& text, bool parse_special) const;
  bool is_special(Token token) const;
  void check(Token token) const;

  const llama_vocab* vocab_;
  int64_t size_;
  bool space_prefix_;                  // SentencePiece: a space is put before text at the start and after special tokens
  std::vector<Token> newline_prefix_;  // what "\n" becomes with that space; put before text that must not get one
  std::vector<Marker> markers_;
  std::vector<Token> ends_of_generation_;
  size_t longest_piece_ = 1;
};

}  // namespace caduceus
