// Tokenizes prompt parts and detokenizes: one BOS, and text from callers is never read as markup. Immutable, but
// for `preserve_tokens`: any thread.
#pragma once

#include <array>
#include <atomic>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llama.h"
#include "scheduler/request.h"
#include "tokenizer/text_cuts.h"

namespace caduceus {

class Tokenizer {
 public:
  // Takes long for a vocabulary with much markup, so not on the event loop. Throws CANCELLED once `cancelled` is set.
  explicit Tokenizer(const llama_vocab* vocab, const std::atomic<bool>* cancelled = nullptr);

  // Tokenizes a whole prompt, or its continuation after `previous` (the last token before it). Needs up to 4 MB of
  // stack, so only on threads with a large one. Long prompts are for a PromptReader.
  std::vector<Token> tokenize(std::span<const PromptPart> parts, std::optional<Token> previous = std::nullopt) const;

  // Tokenizes a short text by itself, without BOS. Nothing in it is read as markup.
  std::vector<Token> tokenize_alone(const std::string& text) const;

  // Tokenizes text that the model writes after other text: markup may become its token.
  std::vector<Token> tokenize_inside(const std::string& text) const;

  // The bytes of one token; they may end inside a character. Control tokens are empty unless `special`, except for tags
  // that are part of what a model says, such as <think>: vocabularies differ in how they type these.
  std::string piece(Token token, bool special = false) const;
  // The text of all tokens; with `special`, control tokens included.
  std::vector<std::string> pieces(std::span<const Token> tokens) const;
  std::string detokenize(std::span<const Token> tokens, bool special) const;

  // Makes control tokens part of the generated text, as tags are: those whose text stands in one of these. Only before
  // the first request, while no other thread uses the tokenizer.
  void preserve_tokens(std::span<const std::string> texts) const;

  bool is_token(int64_t id) const { return id >= 0 && id < size_; }
  int32_t size() const { return static_cast<int32_t>(size_); }
  bool is_end_of_generation(Token token) const { return llama_vocab_is_eog(vocab_, token); }

  std::span<const Token> ends_of_generation() const { return ends_of_generation_; }

  // No token is longer, so a text of n bytes has at least n / this many tokens.
  size_t longest_piece() const { return longest_piece_; }

 private:
  // A token of type USER_DEFINED that looks like markup. llama.cpp matches these even in plain text, so text is cut
  // inside them, at the place where the two halves tokenize as the whole would.
  struct Marker {
    std::string text;
    size_t cut = 0;
  };

  friend class Tokenization;
  size_t best_cut(const std::string& marker) const;
  // Number of bytes of `text` that llama.cpp may be given at once, markers aside.
  size_t next_piece(std::string_view text) const;
  // Splits a control part into its tokens and the text between them, which is tokenized with the text beside it.
  void split_control(std::string_view text, std::vector<PromptPart>& out) const;
  // Position where the first marker in `text` is cut; npos without one.
  size_t next_marker_cut(std::string_view text) const;
  void append_plain(std::vector<Token>& out, std::string_view text, bool continues, bool parse_special) const;
  std::vector<Token> raw(std::string_view text, bool parse_special) const;
  bool is_special(Token token) const;
  void check(Token token) const;

  const llama_vocab* vocab_;
  int64_t size_;
  bool space_prefix_;  // SentencePiece: a space is put before text at the start and after special tokens
  std::vector<Token> newline_prefix_;  // what "\n" becomes with that space; put before text that must not get one
  std::vector<Marker> markers_;        // sorted, as in `marker_texts_`
  StringSet marker_texts_;
  StringSet special_texts_;            // texts of all tokens that llama.cpp searches for first
  StringSet control_texts_;            // of those that become tokens in control parts alone
  std::vector<Token> control_tokens_;  // in the order of `control_texts_`
  std::array<bool, 256> begins_control_{};
  size_t longest_number_ = 0;  // digits in a row that one chunk may hold; 0: any number
  std::vector<Token> ends_of_generation_;
  mutable std::vector<Token> preserved_tokens_;  // control tokens, in order
  size_t longest_piece_ = 1;
};

}  // namespace caduceus
