// What an output may be: a grammar compiled for a model's vocabulary, and the matcher that follows one output.
#pragma once

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

// The model's tokens as llguidance wants them: as text, but for those that end a turn or are markup only. Any thread.
class ConstraintVocabulary {
 public:
  // Some 20 ms for 32,000 tokens. Keeps the tokenizer's address.
  explicit ConstraintVocabulary(const Tokenizer& tokenizer);
  const CaduceusVocabulary* get() const { return vocabulary_.get(); }
  // Tokens with a brace or a bracket in their text: those that can begin a call.
  std::span<const Token> with_brackets() const { return with_brackets_; }

 private:
  struct Free {
    void operator()(CaduceusVocabulary* vocabulary) const { caduceus_vocabulary_free(vocabulary); }
  };
  std::unique_ptr<CaduceusVocabulary, Free> vocabulary_;
  std::vector<Token> with_brackets_;
};

// A compiled constraint; shared by the cache and the runs that use it.
class Grammar {
 public:
  // Takes as long as the constraint is complex, on a thread with a large stack. Throws CONSTRAINT_INVALID or
  // CONSTRAINT_TOO_COMPLEX.
  Grammar(std::shared_ptr<const ConstraintVocabulary> vocabulary, ConstraintSpec::Kind kind, std::string_view text);
  const CaduceusGrammar* get() const { return grammar_.get(); }
  const ConstraintVocabulary& vocabulary() const { return *vocabulary_; }
  // What its matchers have made it grow by included.
  size_t bytes() const { return caduceus_grammar_bytes(grammar_.get()); }

 private:
  struct Free {
    void operator()(CaduceusGrammar* grammar) const { caduceus_grammar_free(grammar); }
  };
  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  std::unique_ptr<CaduceusGrammar, Free> grammar_;
};

// Follows one output. Every member throws CONSTRAINT_TOO_COMPLEX when going on would cost too much, CONSTRAINT_INVALID
// when nothing can come next, and is of no use then. Engine thread.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Grammar> grammar);
  ~Matcher();
  Matcher(Matcher&&) noexcept = default;

  // Whether the token may come next; if so, it is taken. About 2 us.
  bool take(Token token);
  bool take_text(std::string_view text);
  bool allows_text(std::string_view text);
  // Every token that may come next: 17 us, at worst some 20 ms. Tokens that end a turn are not among them.
  void mask(TokenMask& mask);
  // Tokens that must come next, as the model would write them; not taken.
  std::vector<Token> forced();
  // The output may end here.
  bool accepts();
  // Nothing can follow.
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
