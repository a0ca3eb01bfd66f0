// A run's constraint at work: free text until a call begins, or a grammar from the first token on. Engine thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "constraint/constraint.h"
#include "constraint/lazy_grammar_trigger.h"
#include "scheduler/request.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

class RunConstraint {
 public:
  // `ends` are tokens that end the turn besides those of the model.
  RunConstraint(std::shared_ptr<const Grammar> grammar, const ConstraintSpec& spec, const Tokenizer& tokenizer,
                std::span<const Token> ends);

  // Whether the token may come next; if so, it is taken. A token that ends the turn may come where the output is whole.
  bool take(Token token);
  // Every token that may come next.
  void mask(TokenMask& mask);
  // Tokens that must come next, none of which ends the turn; not taken.
  std::vector<Token> forced();
  // Nothing can follow: the run ends.
  bool done();
  // The output may end here. Never throws; what has failed is not whole.
  bool whole() noexcept;
  // Nothing is being constrained at the moment.
  bool is_free() const { return !matcher_; }
  // Free text comes before a call, and only the call is constrained.
  bool is_lazy() const { return trigger_.has_value(); }

  // Where free text ends, for a lazy one: stop strings count in nothing else.
  struct Place {
    size_t free = 0;     // bytes of the token taken last that stand before a call; all of them where none begins in it
    size_t waiting = 0;  // of those and the bytes before them, how many at the end may yet belong to a call
  };
  const Place& place() const { return place_; }
  // Nothing but white space follows the last call.
  bool is_behind_call() const { return trigger_ && !matcher_ && trigger_->is_behind_call(); }

 private:
  bool is_end(Token token) const;
  bool may_end();
  bool take_free(const std::string& piece);
  bool free_allows(const std::string& piece, Matcher& call) const;
  void end_call();

  std::shared_ptr<const Grammar> grammar_;
  const Tokenizer& tokenizer_;
  std::vector<Token> ends_;
  bool further_ = false;
  bool bare_ = false;
  Place place_;
  bool over_ = false;                          // the one call there may be has been written
  std::optional<LazyGrammarTrigger> trigger_;  // free text comes before a call
  std::optional<Matcher> matcher_;             // the grammar is in force
};

}  // namespace caduceus
