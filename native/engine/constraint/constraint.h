// A grammar compiled for a model's vocabulary, and the matcher that applies it to one output.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/constraint_abi.h"
#include "scheduler/request.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

// One bit for each token of the vocabulary.
using TokenMask = std::vector<uint32_t>;

inline bool allows(std::span<const uint32_t> mask, Token token) {
  return (mask[static_cast<size_t>(token) / 32] >> (token % 32) & 1) != 0;
}

// The vocabulary for llguidance: tokens as text, except those that end a turn or are markup only. Any thread.
class ConstraintVocabulary {
 public:
  // Takes some 20 ms for 32,000 tokens. Keeps a pointer to the tokenizer.
  explicit ConstraintVocabulary(const Tokenizer& tokenizer);
  const CaduceusVocabulary* get() const { return vocabulary_.get(); }
  // Tokens with one of these bytes in their text. Engine thread.
  std::span<const Token> with_any_of(const std::string& bytes) const;
  // Tokens that may be among the first ones of a thought with that tag, white space included. Engine thread.
  std::span<const Token> opening_thoughts(const std::string& opening) const;
  // Tokens in which a thought may end with more than white space behind it. Engine thread.
  std::span<const Token> behind_thoughts(const std::string& closing) const;

 private:
  struct Free {
    void operator()(CaduceusVocabulary* vocabulary) const { caduceus_vocabulary_free(vocabulary); }
  };
  std::unique_ptr<CaduceusVocabulary, Free> vocabulary_;
  const Tokenizer& tokenizer_;
  // Found when they are first asked for.
  mutable std::map<std::string, std::vector<Token>> with_any_of_;
  mutable std::map<std::string, std::vector<Token>> opening_thoughts_;
  mutable std::map<std::string, std::vector<Token>> behind_thoughts_;
};

// A compiled grammar, shared by the cache and the runs that use it.
class Grammar {
 public:
  // Compiles, which may take long, on a thread with a large stack. Throws CONSTRAINT_INVALID or CONSTRAINT_TOO_COMPLEX.
  Grammar(std::shared_ptr<const ConstraintVocabulary> vocabulary, ConstraintSpec::Kind kind, std::string_view text);
  const CaduceusGrammar* get() const { return grammar_.get(); }
  const ConstraintVocabulary& vocabulary() const { return *vocabulary_; }
  // Memory in bytes, including what its matchers have added.
  size_t bytes() const { return caduceus_grammar_bytes(grammar_.get()); }

 private:
  struct Free {
    void operator()(CaduceusGrammar* grammar) const { caduceus_grammar_free(grammar); }
  };
  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  std::unique_ptr<CaduceusGrammar, Free> grammar_;
};

// Applies a grammar to one output. Every member throws CONSTRAINT_TOO_COMPLEX when continuing would cost too much, and
// CONSTRAINT_INVALID when no token can follow; the matcher is unusable then. Engine thread.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Grammar> grammar);
  ~Matcher();
  Matcher(Matcher&&) noexcept = default;

  // Accepts the token if it is allowed next; false otherwise. About 2 us.
  bool take(Token token);
  bool take_text(std::string_view text);
  bool allows_text(std::string_view text);
  // How many of these tokens may follow one after the other. None is accepted.
  size_t allowed(std::span<const Token> tokens);
  // Mask of the tokens allowed next, without those that end a turn: 17 us, at worst some 20 ms.
  void mask(TokenMask& mask);
  // Forced tokens: those that must come next, tokenized as the model would. Not accepted yet.
  std::vector<Token> forced();
  // Whether the output may end here.
  bool accepts();
  // Whether nothing can follow.
  bool stopped();
  void rollback(size_t tokens);

 private:
  struct Free {
    void operator()(CaduceusMatcher* matcher) const { caduceus_matcher_free(matcher); }
  };
  int64_t checked(int64_t status) const;

  std::shared_ptr<const Grammar> grammar_;
  std::unique_ptr<CaduceusMatcher, Free> matcher_;
};

}  // namespace caduceus
